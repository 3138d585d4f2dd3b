"""Attack 61, the second cell: what of the first one's locks can be felt? And touches what it may watch."""
import errno
import fcntl
import os
import struct

fd = os.open("/usr/bin/env", os.O_RDONLY)
os.read(fd, 100)


def outcome(call):
    try:
        return call() or "free"
    except OSError as error:
        return errno.errorcode[error.errno]


def conflicting():
    kind = struct.unpack("hhqqi", fcntl.fcntl(fd, 36, struct.pack("hhqqi", fcntl.F_WRLCK, 0, 0, 0, 0)))[0]
    return "free" if kind == fcntl.F_UNLCK else "taken"


print("flock", outcome(lambda: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)))
print("record", outcome(conflicting))
