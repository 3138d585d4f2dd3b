"""What Python programs commonly do, one line `name=outcome` each: "ok" or the name of the exception."""
import asyncio
import concurrent.futures
import ctypes
import ctypes.util
import faulthandler
import multiprocessing
import os
import pathlib
import queue
import resource
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import zoneinfo
from multiprocessing import shared_memory


def square(n):
    return n * n


def pools(method):
    context = multiprocessing.get_context(method)
    with context.Pool(3) as pool:
        assert pool.map(square, range(5)) == [0, 1, 4, 9, 16]


def fork():
    pools("fork")


def spawn():
    pools("spawn")


def forkserver():
    pools("forkserver")


def manager():
    with multiprocessing.Manager() as it:
        shared = it.dict(a=1)
        shared["b"] = 2
        assert dict(shared) == {"a": 1, "b": 2}


def put(sink):
    sink.put("through")


def queues():
    sink = multiprocessing.Queue()
    process = multiprocessing.Process(target=put, args=(sink,))
    process.start()
    assert sink.get() == "through"
    process.join()


def shared():
    block = shared_memory.SharedMemory(create=True, size=100)
    other = shared_memory.SharedMemory(block.name)
    block.buf[0] = 7
    assert other.buf[0] == 7
    other.close()
    block.close()
    block.unlink()


def process_pool():
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        assert list(pool.map(square, range(3))) == [0, 1, 4]


def thread_pool():
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(square, range(100))) == 328350


def threads():
    sink = queue.Queue()
    running = [threading.Thread(target=sink.put, args=(i,)) for i in range(50)]
    for thread in running:
        thread.start()
    assert sum(sink.get() for _ in running) == 1225


def asyncio_subprocess():
    async def main():
        process = await asyncio.create_subprocess_exec("echo", "out", stdout=subprocess.PIPE)
        return (await process.communicate())[0]
    assert asyncio.run(main()) == b"out\n"


def asyncio_local_server():
    async def main():
        async def serve(reader, writer):
            writer.write((await reader.readline()).upper())
            writer.close()
        path = os.path.join(tempfile.mkdtemp(), "socket")
        async with await asyncio.start_unix_server(serve, path):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(b"line\n")
            line = await reader.readline()
            writer.close()
            return line
    assert asyncio.run(main()) == b"LINE\n"


def asyncio_server():
    async def main():
        async with await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0):
            pass
    asyncio.run(main())


def subprocesses():
    done = subprocess.run(["sh", "-c", "cat; echo err >&2; exit 3"], input=b"in", capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (3, b"in", b"err\n")
    try:
        subprocess.run(["sleep", "50"], timeout=0.05)
        raise AssertionError
    except subprocess.TimeoutExpired:
        pass


def signals():
    seen = []
    signal.signal(signal.SIGALRM, lambda *_: seen.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    while not seen:
        time.sleep(1)


def files():
    directory = pathlib.Path(tempfile.mkdtemp())
    (directory / "a").write_text("x")
    shutil.copytree(directory, directory.with_suffix(".copy"))
    os.sync()
    os.fsync(os.open(directory / "a", os.O_RDONLY))
    os.mkfifo(directory / "fifo")
    os.symlink("a", directory / "link")
    assert sorted(os.listdir(directory)) == ["a", "fifo", "link"]
    shutil.rmtree(directory)


def descriptors():
    left, right = socket.socketpair()
    socket.send_fds(left, [b"x"], [1])
    _, (fd,), _, _ = socket.recv_fds(right, 1, 1)
    assert os.fstat(fd).st_ino == os.fstat(1).st_ino


def memory():
    fd = os.memfd_create("m")
    os.ftruncate(fd, 10)
    resource.setrlimit(resource.RLIMIT_NOFILE, (50, 50))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 0


def affinity():
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    assert os.sched_getaffinity(0) == {min(allowed)}
    os.sched_setaffinity(0, allowed)
    os.nice(1)
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def c_library():
    assert ctypes.CDLL(ctypes.util.find_library("m") or "libm.so.6").abs(-3) == 3
    ctypes.CFUNCTYPE(ctypes.c_int)(lambda: 1)()


def tls():
    ssl.create_default_context()
    assert ssl.OPENSSL_VERSION


def database():
    connection = sqlite3.connect(os.path.join(tempfile.mkdtemp(), "db"))
    connection.execute("pragma journal_mode=wal")
    connection.execute("create table t(x)")
    connection.commit()


def zones():
    assert zoneinfo.ZoneInfo("Europe/Berlin")


def traceback_after_fault():
    done = subprocess.run([sys.executable, "-X", "faulthandler", "-c", "import ctypes; ctypes.string_at(0)"],
                          stderr=subprocess.PIPE)
    assert done.returncode == -signal.SIGSEGV and b"Segmentation fault" in done.stderr
    faulthandler.enable()


def tcp():
    socket.create_server(("127.0.0.1", 0)).close()


def well_known_numbers():
    assert (socket.getservbyname("https"), socket.getprotobyname("tcp")) == (443, 6)


def interfaces():
    socket.if_nameindex()


def numbers():
    import numpy
    matrix = numpy.eye(200)
    assert (numpy.linalg.inv(matrix) == matrix).all()


def tables():
    import pandas
    assert pandas.DataFrame({"a": [1, 2]}).a.sum() == 3


CASES = [
    fork, spawn, forkserver, manager, queues, shared, process_pool, thread_pool, threads,
    asyncio_subprocess, asyncio_local_server, asyncio_server, subprocesses, signals, files, descriptors,
    affinity, c_library, tls, database, zones, traceback_after_fault, tcp, well_known_numbers, interfaces,
    numbers, tables, memory]

if __name__ == "__main__":
    for case in CASES:
        try:
            case()
            outcome = "ok"
        except Exception as error:
            outcome = type(error).__name__
        print(f"{case.__name__}={outcome}", flush=True)
