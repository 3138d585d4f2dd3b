# Runs in a cell, by examples/first_run.py: reads the CSV it was given, prints a table, draws a plot.
import matplotlib.pyplot as plt
import pandas as pd

sales = pd.read_csv("sales.csv")
sales["revenue"] = sales["units"] * sales["price"]
table = sales.pivot_table(index="month", columns="region", values="revenue", aggfunc="sum")
table["total"] = table.sum(axis=1)
print(table.round(2).to_string())

table[["north", "south"]].plot.bar(stacked=True, rot=0, title="Revenue by month")
plt.tight_layout()
plt.savefig("plot.png", dpi=120)
