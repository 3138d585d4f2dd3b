"""Attack 6: burns CPU time in the way that the argument names, while the program itself only waits."""
import os
import signal
import sys
import threading


def burn():
    while True:
        pass


def child():
    if os.fork() == 0:
        burn()


def orphan():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            burn()
        os._exit(0)


def ever_new_ones():
    """Each child burns a little and ends, so that no process is ever seen to have used much."""
    if os.fork() == 0:
        while True:
            if os.fork() == 0:
                sum(range(100_000))
                os._exit(0)
            os.wait()


def thread():
    threading.Thread(target=burn).start()


{"child": child, "orphan": orphan, "ever new": ever_new_ones, "thread": thread}[sys.argv[1]]()
while True:
    signal.pause()
