"""Attack 17: trees that no path can name, and names as long as they come."""
import os

with open("ok.txt", "w") as file:
    file.write("honest")
open("n" * 251 + ".txt", "w").close()  # the longest name there is, whose path still fits
try:
    open("n" * 252 + ".txt", "w")
except OSError as error:
    print(error.strerror)
depth = 0
os.mkdir("deep")
os.chdir("deep")
for depth in range(5000):
    try:
        os.mkdir("d")
        os.chdir("d")
    except OSError as error:
        print(error.strerror)
        break
with open("bottom.txt", "w") as file:
    file.write("unreachable")
os.chdir("/mnt/data")
os.mkdir("long")
os.chdir("long")
for _ in range(40):  # 40 x 256 bytes are more than PATH_MAX
    os.mkdir("x" * 255)
    os.chdir("x" * 255)
with open("bottom.txt", "w") as file:
    file.write("unreachable")
try:
    print(len(os.getcwd()) > 4096)
except OSError as error:
    print(error.strerror)
print(depth + 1)
