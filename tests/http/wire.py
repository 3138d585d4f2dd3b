"""HTTP by hand: exactly the bytes that are given, and a strict reader of what comes back."""

import re
import socket

from harness import ANSWER_SECONDS

STATUS_LINE = re.compile(rb"HTTP/1\.1 (\d{3}) [A-Za-z ]+")
FIELD = re.compile(rb"([A-Za-z0-9-]+): ([\t\x20-\x7e\x80-\xff]*)")


class Answer:
    """One response: status, its fields as a list of pairs, its body."""

    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body

    def header(self, name):
        """The value of a field that there is at most once."""
        values = [value for field, value in self.fields if field.lower() == name.lower()]
        assert len(values) <= 1, self.fields
        return values[0] if values else None

    def __repr__(self):
        return f"Answer({self.status}, {self.fields}, {self.body[:300]!r})"


class Wire:
    """One connection."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        """Sends what the server still takes: it may have refused and closed before the end."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self

    def more(self):
        """Reads on; False at the end of the connection."""
        try:
            piece = self.socket.recv(1 << 16)
        except ConnectionResetError:
            piece = b""
        self.buffer += piece
        return bool(piece)

    def take(self, size):
        while len(self.buffer) < size:
            assert self.more(), f"ended within a body: {self.buffer!r}"
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def line(self):
        while b"\r\n" not in self.buffer:
            assert self.more(), f"ended within a line: {self.buffer!r}"
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        assert b"\n" not in line and b"\r" not in line and b"\0" not in line, line
        return line

    def answer(self, head=False):
        """The next response, of which every line must be well-formed."""
        status = STATUS_LINE.fullmatch(line := self.line())
        assert status, line
        fields = []
        while line := self.line():
            field = FIELD.fullmatch(line)
            assert field, line
            fields.append((field[1].decode(), field[2].decode("latin-1")))
        answer = Answer(int(status[1]), fields, b"")
        if head or answer.status in (100, 204, 304):
            return answer
        assert (answer.header("Content-Length") is None) != (answer.header("Transfer-Encoding") is None), fields
        if length := answer.header("Content-Length"):
            answer.body = self.take(int(length))
            return answer
        while size := int(self.line(), 16):
            answer.body += self.take(size)
            assert self.line() == b""
        assert self.line() == b""
        return answer

    def ended(self):
        """Whether nothing comes before the end of the connection."""
        while self.more():
            pass
        return not self.buffer
