"""Attack 18: files that are much larger than what they take; the arguments are inputs to replace so."""
import errno
import os
import sys


def sparse(path, size):
    fd = os.open(path, os.O_CREAT | os.O_RDWR)
    try:
        os.ftruncate(fd, size)
        os.pwrite(fd, b"end", size - 3)
        print(path, os.fstat(fd).st_blocks <= 8)
    except OSError as error:
        print(path, errno.errorcode[error.errno])
    os.close(fd)


sparse("terabyte.txt", 1 << 40)
sparse("petabyte.txt", 1 << 50)
os.remove("terabyte.txt")
os.remove("petabyte.txt")
sparse("largest.txt", 100 << 20)
sparse("over.txt", (100 << 20) + 1)
os.remove("over.txt")
sparse("returned.txt", 1 << 20)
fd = os.open("seek.txt", os.O_CREAT | os.O_RDWR)
try:
    os.pwrite(fd, b"x", 1 << 40)
except OSError as error:
    print("seek.txt", errno.errorcode[error.errno])
os.remove("seek.txt")
for path in sys.argv[1:]:
    sparse(path, 90 << 20)
