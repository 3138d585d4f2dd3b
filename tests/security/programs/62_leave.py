"""Attack 62, the first program: leaves its mark in everything that a careless next one might inherit."""
import ctypes
import os
import signal
import sys

mark = sys.argv[1]
for directory in ("/tmp", "/dev/shm", "/mnt/data", "/mnt/data/.config"):
    os.makedirs(directory, exist_ok=True)
    with open(f"{directory}/{mark}.py", "w") as file:
        file.write(mark)
for name in ("sitecustomize.py", "usercustomize.py", "json.py", ".bashrc", ".bash_profile", ".profile"):
    with open(f"/mnt/data/{name}", "w") as file:
        file.write(f"print('{mark}')\n")
os.environ["MARK"] = mark
libc = ctypes.CDLL(None)
libc.shmget(0x6D61726B, 1 << 20, 0o1666)
held = mark.encode() * ((200 << 20) // len(mark))
os.umask(0)
if os.fork() == 0:
    os.setsid()
    while held:
        signal.pause()
print("uid", os.getuid())
