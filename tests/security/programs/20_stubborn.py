"""Attack 20: what is hard to read, and hard to remove, and still in use at the end."""
import errno
import fcntl
import mmap
import os
import signal
import struct

os.mkdir("closed")
with open("closed/inside.txt", "w") as file:
    file.write("inside")
with open("secret.txt", "w") as file:
    file.write("secret")
held = open("held.txt", "w+b")
held.write(b"held")
held.truncate(4096)
held.flush()
mapped = mmap.mmap(held.fileno(), 4096)

FS_IOC_SETFLAGS, FS_IMMUTABLE = 0x40086602, 0x10
for path in ("secret.txt", "closed"):
    fd = os.open(path, os.O_RDONLY)
    try:
        fcntl.ioctl(fd, FS_IOC_SETFLAGS, struct.pack("l", FS_IMMUTABLE))
        print("immutable", path)
    except OSError as error:
        print(errno.errorcode[error.errno])
    os.close(fd)

os.chmod("secret.txt", 0)
os.chmod("closed", 0)
ready, tell = os.pipe()
if os.fork() == 0:
    os.setsid()
    mapped[0:6] = b"mapped"
    os.write(tell, b"x")
    while True:
        signal.pause()
os.read(ready, 1)
