"""Bare starts of the interpreters that cells use: the same root, no cell.

A child of the benchmark goes into the root once, in a mount namespace of its own (with /proc, /dev and an empty /tmp and
/mnt/data), and starts and times programs there. It uses posix_spawn, whose cost does not grow with its own memory.
"""

import ctypes
import json
import os
import select
import signal
import socket
import time

from programs import ENVIRONMENT

CLONE_NEWNS = 0x00020000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
WHERE = "/mnt/data"


def _mount(libc, source, target, kind, flags=0, data=""):
    if libc.mount(source.encode(), target.encode(), kind.encode(), flags, data.encode()) != 0:
        raise OSError(ctypes.get_errno(), f"mount {kind or source} at {target}")


def _enter(root):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    _mount(libc, "", "/", "", MS_REC | MS_PRIVATE)
    if root == "host":
        root = "/"
    else:
        root = os.path.realpath(root)
        _mount(libc, "proc", f"{root}/proc", "proc")
        _mount(libc, "/dev", f"{root}/dev", "", MS_BIND | MS_REC)
    for place in ("/mnt", "/tmp"):
        _mount(libc, "tmpfs", root.rstrip("/") + place, "tmpfs")
    os.chroot(root)
    os.makedirs(WHERE)
    os.chdir(WHERE)


class _Started:
    """A program that was started and whose output is being read."""

    def __init__(self, argv):
        self.begin = time.perf_counter()
        self.read_end, write_end = os.pipe()
        actions = [(os.POSIX_SPAWN_DUP2, write_end, 1), (os.POSIX_SPAWN_CLOSE, self.read_end)]
        self.pid = os.posix_spawn(argv[0], argv, ENVIRONMENT, file_actions=actions)
        os.close(write_end)
        self.output = b""

    def read(self):
        """Milliseconds once it has ended, None before."""
        if piece := os.read(self.read_end, 4096):
            self.output += piece
            return None
        os.close(self.read_end)
        _, status = os.waitpid(self.pid, 0)
        took = (time.perf_counter() - self.begin) * 1000
        if status != 0:
            raise RuntimeError(f"status {status}, output {self.output!r}")
        return took


def _one(argv, output, files):
    started = _Started(argv)
    while (took := started.read()) is None:
        pass
    if started.output.decode() != output:
        raise RuntimeError(f"{argv} printed {started.output!r}")
    for name in files:
        if os.path.getsize(name) == 0:
            raise RuntimeError(f"{name} is empty")
        os.unlink(name)
    return took


def _many(argv, at_once, seconds):
    """Like _one, `at_once` at a time, each followed by the next: all their times, without the last ones."""
    times, running, begin = [], {}, time.perf_counter()
    for _ in range(at_once):
        started = _Started(argv)
        running[started.read_end] = started
    while running:
        for fd in select.select(list(running), [], [])[0]:
            started = running[fd]
            if (took := started.read()) is None:
                continue
            del running[fd]
            if time.perf_counter() - begin < seconds:
                times.append(took)
                after = _Started(argv)
                running[after.read_end] = after
    return times


class Floors:
    """The child. Use it as a context; make it before any thread."""

    def __init__(self, root):
        ours, theirs = socket.socketpair()
        self._child = os.fork()
        if self._child == 0:
            status = 1
            try:
                ours.close()
                self._serve(theirs, root)
                status = 0
            finally:
                os._exit(status)
        theirs.close()
        self._stream = ours.makefile("rw")
        ours.close()
        self._answer()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stream.close()
        os.waitpid(self._child, 0)

    @staticmethod
    def _serve(connection, root):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the benchmark ends us by closing the stream
        stream = connection.makefile("rw")

        def answer(what, *arguments):
            try:
                said = {"ok": what(*arguments)}
            except (OSError, RuntimeError, UnicodeDecodeError) as error:
                said = {"error": f"bare {arguments[0]}: {error}"}
            print(json.dumps(said), file=stream, flush=True)

        answer(_enter, root)
        for line in stream:
            kind, *arguments = json.loads(line)
            answer({"one": _one, "many": _many}[kind], *arguments)

    def _answer(self):
        line = self._stream.readline()
        answer = json.loads(line) if line else {"error": "the child that starts bare programs has ended"}
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["ok"]

    def _ask(self, *wanted):
        print(json.dumps(wanted), file=self._stream, flush=True)
        return self._answer()

    def timed(self, argv, output, files=()):
        """Milliseconds to start a program, read its output to the end, and wait for it; `files` it has written."""
        return self._ask("one", argv, output, list(files))

    def throughput(self, argv, at_once, seconds):
        """(per second, times in ms) of `at_once` at a time."""
        times = self._ask("many", argv, at_once, seconds)
        return len(times) / seconds, times
