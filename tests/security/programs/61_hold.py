"""Attack 61, the first of two cells: locks, leases and watches on files that all cells share. Then waits."""
import ctypes
import errno
import fcntl
import os
import signal
import struct

SHARED = "/usr/bin/env"
libc = ctypes.CDLL(None, use_errno=True)
signals = []
signal.signal(signal.SIGIO, lambda *_: signals.append(1))  # of F_NOTIFY
fd = os.open(SHARED, os.O_RDONLY)


def outcome(call):
    try:
        call()
        return "ok"
    except OSError as error:
        return errno.errorcode[error.errno]


def watch(path):
    if libc.inotify_add_watch(inotify, path.encode(), 0xFFF) < 0:
        raise OSError(ctypes.get_errno(), path)


print("flock", outcome(lambda: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)))
F_OFD_SETLK, WHOLE_FILE = 37, struct.pack("hhqqi", fcntl.F_RDLCK, 0, 0, 0, 0)
print("read", outcome(lambda: fcntl.fcntl(fd, F_OFD_SETLK, WHOLE_FILE)))
print("write", outcome(lambda: fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)))
print("lease", outcome(lambda: fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)))
print("dnotify", outcome(lambda: fcntl.fcntl(os.open("/usr/bin", os.O_RDONLY), fcntl.F_NOTIFY,
                                           fcntl.DN_ACCESS | fcntl.DN_MULTISHOT)))
inotify = libc.inotify_init1(os.O_NONBLOCK)
print("inotify", outcome(lambda: watch(SHARED)), outcome(lambda: watch("/usr/bin")))
print("fanotify", "ok" if libc.fanotify_init(0, 0) >= 0 else errno.errorcode[ctypes.get_errno()])
signals.clear()
wait_for_the_test()  # noqa: F821 (of waiting.PREAMBLE)
try:
    events = len(os.read(inotify, 65536))
except BlockingIOError:
    events = 0
print("events", events > 0, len(signals) > 0)
