"""Attack 62, the next program: says all that it did not begin with empty hands."""
import ctypes
import os
import sys

mark = sys.argv[1][::-1]
left = []
for directory in ("/tmp", "/dev/shm"):
    left += [f"{directory}/{name}" for name in os.listdir(directory)]
left += [f"/mnt/data/{name}" for name in os.listdir("/mnt/data") if name != "main.py"]
left += [name for name, value in os.environ.items() if mark in name + value]
left += [f"fd {name}" for name in os.listdir("/proc/self/fd") if int(name) > 2
         and os.path.exists(f"/proc/self/fd/{name}")]
left += [f"pid {name}" for name in os.listdir("/proc") if name.isdigit()
         and int(name) not in (1, os.getpid())]
if ctypes.CDLL(None).shmget(0x6D61726B, 0, 0) >= 0:
    left.append("shm")
print("left", left)
print("umask", oct(os.umask(0)))
print("uid", os.getuid())
sys.stdout.flush()
