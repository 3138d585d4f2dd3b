"""Attack 61, the first of two cells: locks, leases and watches on files that all cells see. Then waits."""
import ctypes
import errno
import fcntl
import os
import signal
import struct
import sys

paths = sys.argv[2:]
libc = ctypes.CDLL(None, use_errno=True)
signals = []
signal.signal(signal.SIGIO, lambda *_: signals.append(1))  # of F_NOTIFY


def outcome(call):
    try:
        call()
        return "ok"
    except OSError as error:
        return errno.errorcode[error.errno]


def watch(path):
    if libc.inotify_add_watch(inotify, path.encode(), 0xFFF) < 0:
        raise OSError(ctypes.get_errno(), path)


def same(outcomes):
    return " ".join(sorted(set(outcomes)))


F_OFD_SETLK, WHOLE_FILE = 37, struct.pack("hhqqi", fcntl.F_RDLCK, 0, 0, 0, 0)
inotify = libc.inotify_init1(os.O_NONBLOCK)
files = [os.open(path, os.O_RDONLY) for path in paths]
print("flock", same(outcome(lambda: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)) for fd in files))
print("read", same(outcome(lambda: fcntl.fcntl(fd, F_OFD_SETLK, WHOLE_FILE)) for fd in files))
print("inotify", same(outcome(lambda: watch(path)) for path in paths))
own = os.open("/usr/bin/env", os.O_RDONLY)
print("write", outcome(lambda: fcntl.lockf(own, fcntl.LOCK_EX | fcntl.LOCK_NB)))
print("lease", outcome(lambda: fcntl.fcntl(own, fcntl.F_SETLEASE, fcntl.F_RDLCK)))
print("dnotify", outcome(lambda: fcntl.fcntl(os.open("/usr/bin", os.O_RDONLY), fcntl.F_NOTIFY,
                                             fcntl.DN_ACCESS | fcntl.DN_MULTISHOT)))
print("fanotify", "ok" if libc.fanotify_init(0, 0) >= 0 else errno.errorcode[ctypes.get_errno()])
one = libc.eventfd(0, 0)
print("eventfd", outcome(lambda: fcntl.flock(one, fcntl.LOCK_EX | fcntl.LOCK_NB)))
try:
    os.read(inotify, 1 << 20)  # what this program did itself
except BlockingIOError:
    pass
signals.clear()
wait_for_the_test()  # noqa: F821 (of waiting.PREAMBLE)
try:
    events = len(os.read(inotify, 1 << 20))
except BlockingIOError:
    events = 0
print("events", events > 0, len(signals) > 0)
