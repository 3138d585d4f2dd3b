#!/bin/bash
# Runs in a cell, by examples/first_run.py: writes the file that the next program reads.
cat >sales.csv <<'CSV'
month,region,units,price
2024-01,north,120,9.50
2024-01,south,80,9.80
2024-02,north,135,9.50
2024-02,south,95,9.60
2024-03,north,150,9.40
2024-03,south,130,9.50
2024-04,north,140,9.40
2024-04,south,160,9.30
CSV
echo "wrote $(wc -l <sales.csv) lines to sales.csv"
