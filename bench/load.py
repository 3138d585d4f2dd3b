"""Many executions at once, and executions with much to carry in: ours, and the floor beside each."""

import os
import pathlib
import selectors
import socket
import statistics
import tempfile
import threading
import time

from asking import Answer, check, connect, exec_bytes, timed_exec
from forms import Form

MB = 1_000_000
LARGEST_FILE = 25 * MB
COUNT_FILES = "shopt -s nullglob; n=0; for f in *.bin; do n=$((n+1)); done; echo $n"


def throughput(server, program, at_once, seconds):
    """(per second, times in ms) with `at_once` clients that ask again at once."""
    times = []
    with selectors.DefaultSelector() as selector:
        connections = [connect(server) for _ in range(at_once)]
        try:
            begin = time.perf_counter()
            for connection in connections:
                connection.sendall(program.request)
                selector.register(connection, selectors.EVENT_READ, [Answer(), time.perf_counter()])
            while selector.get_map():  # the last answers are waited for, but do not count
                ready = selector.select(60)
                if not ready:
                    raise RuntimeError("no answer within a minute")
                for key, _ in ready:
                    body = key.data[0].feed(key.fileobj.recv(65536))
                    if body is None:
                        continue
                    check(body)
                    now = time.perf_counter()
                    if now - begin > seconds:
                        selector.unregister(key.fileobj)
                        continue
                    times.append((now - key.data[1]) * 1000)
                    key.data[1] = now
                    key.fileobj.sendall(program.request)
            return len(times) / seconds, times
        finally:
            for connection in connections:
                connection.close()


def curve(server, floors, program, counts, seconds):
    """[(at once, our (rate, times), the floor's)]"""
    return [(count, throughput(server, program, count, seconds), floors.throughput(program.argv, count, seconds / 2))
            for count in counts]


def sizes_of(total):
    """The sizes of the files that hold `total` bytes."""
    return [min(LARGEST_FILE, total - at) for at in range(0, total, LARGEST_FILE)]


def _upload(server, total):
    """References to new files that hold `total` bytes together."""
    out = []
    for number, size in enumerate(sizes_of(total)):
        form = Form((f"{number}.bin", os.urandom(size)), kind="user", id="bench")
        reply = server.post(form.body(), path="/v1/upload", content_type=form.content_type)
        if reply.status != 200:
            raise RuntimeError(f"an upload was answered {reply}")
        stored = reply.json
        out.append({"id": stored["files"][0]["fileId"], "resource_id": "bench", "name": f"{number}.bin",
                    "storage_session_id": stored["storage_session_id"], "kind": "user"})
    return out


def _carried(directory, total):
    """Milliseconds of the bytes' way without us: from files through a local socket into a tmpfs."""
    paths = []
    for number, size in enumerate(sizes_of(total)):
        paths.append(pathlib.Path(directory) / f"{number}.bin")
        if not paths[-1].exists() or paths[-1].stat().st_size != size:
            paths[-1].write_bytes(os.urandom(size))
    ours, theirs = socket.socketpair()

    def send():
        for path in paths:
            with open(path, "rb") as file:
                theirs.sendfile(file)
        theirs.shutdown(socket.SHUT_WR)

    with tempfile.TemporaryFile(dir="/dev/shm") as sink, ours, theirs:
        buffer, begin = bytearray(1 << 18), time.perf_counter()
        thread = threading.Thread(target=send)
        thread.start()
        while got := ours.recv_into(buffer):
            sink.write(memoryview(buffer)[:got])
        thread.join()
        return (time.perf_counter() - begin) * 1000


def inputs(server, bare_start, totals, rounds):
    """[(bytes, median ms of an execution with so many bytes of inputs, of the floor)]. `bare_start()` gives the ms of
    starting the program alone."""
    out = []
    with tempfile.TemporaryDirectory(dir=server.directory) as directory, connect(server) as connection:
        for total in totals:
            request = exec_bytes("bash", COUNT_FILES, files=_upload(server, total))
            wanted = f"{len(sizes_of(total))}\n"
            timed_exec(connection, request, wanted)
            _carried(directory, total)
            ours, floor = [], []
            for _ in range(rounds):
                ours.append(timed_exec(connection, request, wanted))
                floor.append(bare_start() + _carried(directory, total))
            out.append((total, statistics.median(ours), statistics.median(floor)))
    return out
