"""Attack 61, the second cell: which of the first one's locks can be felt? And touches what it may watch."""
import ctypes
import errno
import fcntl
import os
import struct
import sys


def outcome(call):
    try:
        return call() or "free"
    except OSError as error:
        return errno.errorcode[error.errno]


def locked(fd):
    return outcome(lambda: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB))


def conflicting(fd):
    kind = struct.unpack("hhqqi", fcntl.fcntl(fd, 36, struct.pack("hhqqi", fcntl.F_WRLCK, 0, 0, 0, 0)))[0]
    return "free" if kind == fcntl.F_UNLCK else "taken"


for path in sys.argv[1:]:
    fd = os.open(path, os.O_RDONLY)
    os.listdir(path) if os.path.isdir(path) else os.read(fd, 100)
    print(path, locked(fd), outcome(lambda: conflicting(fd)))
print("eventfd", locked(ctypes.CDLL(None).eventfd(0, 0)))
