"""What moving a file costs: 10 MB up and 10 MB down, beside the same bytes through a bare socket pair and disk."""

import json
import os
import pathlib
import socket
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests"))

from forms import Form  # noqa: E402

SIZE = 10_000_000


def receive(connection, size):
    buffer, left = bytearray(1 << 18), size
    while left:
        got = connection.recv_into(buffer, min(left, len(buffer)))
        if got == 0:
            raise ConnectionError(f"{left} bytes are missing")
        left -= got


def head_of(connection):
    """(status, headers, how many bytes of the body came with them)."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(4096)
        if not piece:
            raise ConnectionError("no answer")
        data += piece
    head, rest = data.split(b"\r\n\r\n", 1)
    lines = head.decode().split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in lines[1:])
    return int(lines[0].split()[1]), fields, rest


def timed_upload(connection, request):
    """(ms, the answer): a form of one file, sent in one go."""
    begin = time.perf_counter()
    connection.sendall(request)
    status, fields, body = head_of(connection)
    while len(body) < int(fields["content-length"]):
        body += connection.recv(65536)
    took = time.perf_counter() - begin
    if status != 200:
        raise RuntimeError(f"an upload was answered {status} {body[:300]!r}")
    return took * 1000, json.loads(body)


def timed_download(connection, path):
    begin = time.perf_counter()
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    status, fields, body = head_of(connection)
    if status != 200 or int(fields["content-length"]) != SIZE:
        raise RuntimeError(f"a download was answered {status} {fields}")
    receive(connection, SIZE - len(body))
    return (time.perf_counter() - begin) * 1000


def timed_floor(content, directory, up):
    """The bytes through a socket to a thread that writes them to disk and syncs, or that reads and sends them."""
    ours, theirs = socket.socketpair()
    path = os.path.join(directory, "floor")

    def serve():
        if up:
            with open(path, "wb") as file:
                left = SIZE
                while left:
                    piece = theirs.recv(min(left, 1 << 18))
                    file.write(piece)
                    left -= len(piece)
                file.flush()
                os.fsync(file.fileno())
            theirs.sendall(b"k")
        else:
            with open(path, "rb") as file:
                theirs.sendfile(file)

    thread = threading.Thread(target=serve)
    begin = time.perf_counter()
    thread.start()
    if up:
        ours.sendall(content)
        ours.recv(1)
    else:
        receive(ours, SIZE)
    took = time.perf_counter() - begin
    thread.join()
    ours.close()
    theirs.close()
    return took * 1000


def measure(server, rounds):
    """{what: times in ms}, taken in turns."""
    content = os.urandom(SIZE)
    form = Form(("ten.bin", content), kind="user", id="bench")
    body = form.body()
    request = (f"POST /v1/upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: {form.content_type}\r\n"
               f"Content-Length: {len(body)}\r\n\r\n").encode() + body
    times = {"upload: socket and disk (floor)": [], "upload: POST /v1/upload": [],
             "download: disk and socket (floor)": [], "download: GET /v1/download": []}
    floor_up, up, floor_down, down = times.values()
    with tempfile.TemporaryDirectory(dir=server.directory) as directory, \
            socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        for number in range(rounds + 1):
            uploaded, answer = timed_upload(connection, request)
            path = f"/v1/download/{answer['storage_session_id']}/{answer['files'][0]['fileId']}"
            row = (timed_floor(content, directory, True), uploaded, timed_floor(content, directory, False),
                   timed_download(connection, path))
            if number > 0:  # the first one fills caches
                for column, value in zip((floor_up, up, floor_down, down), row):
                    column.append(value)
    return times
