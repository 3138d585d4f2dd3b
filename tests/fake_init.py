"""The end of tool calls that a program sees, without a cell: a network namespace with the socket of docs/adr/0007 in it.

    with FakeInit() as init:
        init.tools["get_weather"] = lambda given: {"temp": 7}
        init.run([...])

Calls are kept in `init.calls` and answered last come, first served, once `init.hold` of them wait.
"""

import contextlib
import ctypes
import json
import os
import socket
import struct
import subprocess
import threading

CLONE_NEWNET = 0x40000000


class Failed(Exception):
    """Raised by a tool: its error message."""


class Refused(Exception):
    """Raised by a tool: the call is not made at all."""


class FakeInit:
    """Started when entered; when left it closes what is open."""

    def __init__(self, names):
        self.names = names
        self.tools = {}
        self.hold = 1
        self.calls = []  # (number of the connection, tool, input) in their order
        self.connections = []
        self.drop = False  # hang up instead of answering
        self._waiting = []
        self._lock = threading.Lock()

    def __enter__(self):
        made = []
        thread = threading.Thread(target=self._listen, args=(made,))
        thread.start()
        thread.join()
        if isinstance(made[0], OSError):
            raise made[0]
        self.namespace, self.listener = made
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.leave()
        for connection in self.connections:
            connection.close()
        os.close(self.namespace)

    def leave(self):
        """From now on nobody is there to be connected to."""
        if self.listener.fileno() >= 0:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()

    @staticmethod
    def _listen(made):
        """In a thread of its own, for a thread can be in another namespace than its process."""
        try:
            if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "unshare")
            made.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))
            made.append(socket.socket(socket.AF_UNIX))
            made[1].bind(b"\0codeapi-tools")
            made[1].listen(128)
        except OSError as error:
            made[:] = [error]

    def run(self, command, pass_fds=(), **options):
        """Runs a command in the namespace, to its end."""
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run(["nsenter", f"--net=/proc/self/fd/{self.namespace}", "--", *command],
                              pass_fds=[self.namespace, *pass_fds], capture_output=True, timeout=30, check=False, **options)

    def inputs(self, tool):
        """What a tool was called with, in order."""
        return [given for _, name, given in self.calls if name == tool]

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self._serve, args=(len(self.connections), connection), daemon=True).start()

    def _serve(self, number, connection):
        stream = connection.makefile("rb")
        try:
            while header := stream.read(8):
                length, call = struct.unpack("<II", header)
                index, _, text = stream.read(length).partition(b"\0")
                self._called(number, connection, call, self.names[int(index)], json.loads(text))
        except OSError:
            pass  # the program has gone, or we have
        finally:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)  # a fault of ours as well: nobody waits for ever

    def _called(self, number, connection, call, tool, given):
        if self.drop:
            connection.shutdown(socket.SHUT_RDWR)
            return
        with self._lock:
            self.calls.append((number, tool, given))
            self._waiting.append((connection, call, tool, given))
            if len(self._waiting) < self.hold:
                return
            ready, self._waiting = self._waiting[::-1], []
        for waiting in ready:
            self._answer(*waiting)

    def _answer(self, connection, call, tool, given):
        try:
            answer = b"0" + json.dumps(self.tools[tool](given), separators=(",", ":"), ensure_ascii=False).encode()
        except Failed as error:
            answer = b"1" + str(error).encode()
        except Refused as error:
            answer = b"2" + str(error).encode()
        connection.sendall(struct.pack("<II", len(answer), call) + answer)
