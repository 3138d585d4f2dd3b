"""Requests to a server, as cheaply as Python can send them: one connection, bytes made once."""

import json
import socket
import time


def post_bytes(path, value):
    body = json.dumps(value).encode()
    return (f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


def exec_bytes(lang, code, **more):
    return post_bytes("/v1/exec", {"lang": lang, "code": code, **more})


class Answer:
    """Collects the bytes of answers on one connection; feed() gives a body when one is whole."""

    def __init__(self):
        self.data = b""

    def feed(self, piece):
        if not piece:
            raise ConnectionError("the server closed the connection")
        self.data += piece
        header, gap, rest = self.data.partition(b"\r\n\r\n")
        if not gap:
            return None
        fields = header.lower().split(b"\r\n")
        length = next(int(field.split(b":")[1]) for field in fields if field.startswith(b"content-length:"))
        if len(rest) < length:
            return None
        self.data = rest[length:]
        if not fields[0].startswith(b"http/1.1 200"):
            raise RuntimeError(f"the server answered {header + gap + rest[:500]!r}")
        return rest[:length]


def connect(server):
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def timed(connection, request):
    """Milliseconds of one request, and the body of its answer."""
    answer, begin = Answer(), time.perf_counter()
    connection.sendall(request)
    while (body := answer.feed(connection.recv(65536))) is None:
        pass
    return (time.perf_counter() - begin) * 1000, body


def check(body, stdout="hello\n", files=()):
    answer = json.loads(body)
    if (answer["stdout"], answer["code"]) != (stdout, 0):
        raise RuntimeError(f"a program was answered wrongly: {answer}")
    missing = set(files) - {file["name"] for file in answer["files"]}
    if missing:
        raise RuntimeError(f"a program's files are missing: {missing} in {answer}")


def timed_exec(connection, request, stdout="hello\n", files=()):
    """Milliseconds of one execution, whose answer is checked."""
    took, body = timed(connection, request)
    check(body, stdout, files)
    return took
