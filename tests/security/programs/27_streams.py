"""Attack 27: ends of streams that are closed, turned round, or changed, as the argument names it."""
import fcntl
import os
import signal
import sys


def closed():
    """No stream at all, and still a program."""
    for fd in range(3):
        os.close(fd)
    with open("result.txt", "w") as file:
        file.write(str(file.fileno()))
    os._exit(3)


def half_read():
    print(len(sys.stdin.read(100_000)))
    sys.stdin.close()


def unread():
    os.close(0)
    print("unread")


def stolen():
    """The other end of its own output, through /proc: what it takes from there was never written."""
    os.write(1, b"taken back")
    reader = os.open("/proc/self/fd/1", os.O_RDONLY | os.O_NONBLOCK)
    try:
        got = len(os.read(reader, 100))
    except BlockingIOError:
        got = 0
    os.write(2, f"{got}".encode())
    os.write(1, b" kept\n")


def changed():
    """Flags and sizes belong to both ends. The service must not wait, spin or lose what was written."""
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    fcntl.fcntl(1, fcntl.F_SETOWN, -os.getpgid(0))
    fcntl.fcntl(1, fcntl.F_SETFL, os.O_NONBLOCK | os.O_DIRECT | os.O_ASYNC)
    fcntl.fcntl(1, fcntl.F_SETPIPE_SZ, 4096)
    written = 0
    while written < 50_000:
        try:
            written += os.write(1, b"x" * min(1000, 50_000 - written))
        except BlockingIOError:
            os.sched_yield()


def held():
    """A child in another session keeps the output open, and asks for more input than there is."""
    if os.fork() == 0:
        os.setsid()
        while True:
            os.read(0, 1)
    print("main")


{"closed": closed, "half": half_read, "unread": unread, "stolen": stolen, "changed": changed,
 "held": held}[sys.argv[1]]()
