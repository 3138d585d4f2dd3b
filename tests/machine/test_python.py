"""What Python programs do with processes and threads."""

import pytest

from program import run

POOLS = """
    import asyncio, multiprocessing, os, queue, subprocess, sys, threading
    from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

    def square(n): return n * n

    def put(q, barrier):
        barrier.wait()
        q.put(os.getpid() != os.getppid())

    if __name__ == "__main__":
        context = multiprocessing.get_context(sys.argv[1])
        with context.Pool(3) as pool:
            print(pool.map(square, range(5)), sum(pool.imap_unordered(square, range(100), chunksize=7)))
        q, barrier = context.Queue(), context.Barrier(2)
        children = [context.Process(target=put, args=(q, barrier)) for _ in range(2)]
        for child in children: child.start()
        print([q.get(), q.get()], [child.join() or child.exitcode for child in children])
        with ProcessPoolExecutor(2, mp_context=context) as pool: print(list(pool.map(square, range(3))))
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(server, method):
    assert run(server, "py", POOLS, args=[method]) == \
        "[0, 1, 4, 9, 16] 328350\n[True, True] [0, 0]\n[0, 1, 4]\n"


def test_managers_pipes_locks_and_shared_values(server):
    assert run(server, "py", """
        import multiprocessing as mp

        def work(shared, values, lock, end):
            for _ in range(100):
                with lock: values[0] += 1
            shared["child"] = [1, 2]
            end.send("done")

        if __name__ == "__main__":
            with mp.Manager() as manager:
                shared, values, lock = manager.dict(), mp.Array("i", 1), mp.Lock()
                ours, theirs = mp.Pipe()
                children = [mp.Process(target=work, args=(shared, values, lock, theirs)) for _ in range(2)]
                for child in children: child.start()
                print(ours.recv(), ours.recv())
                for child in children: child.join()
                print(dict(shared), values[0])
        """) == "done done\n{'child': [1, 2]} 200\n"


def test_threads_subprocesses_and_asyncio(server):
    assert run(server, "py", """
        import asyncio, signal, subprocess, sys, threading
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(8) as pool: print(sum(pool.map(lambda n: n * n, range(100))))
        print(subprocess.run("echo $0 | tr a-z A-Z", shell=True, capture_output=True, text=True).stdout, end="")
        print(subprocess.run([sys.executable, "-c", "exit(3)"]).returncode)
        child = subprocess.Popen(["sleep", "1000"])
        child.send_signal(signal.SIGTERM)
        print(child.wait() == -signal.SIGTERM)
        try:
            subprocess.run(["sleep", "1000"], timeout=0.05)
        except subprocess.TimeoutExpired:
            print("timeout")

        async def main():
            cat = await asyncio.create_subprocess_exec("cat", stdin=-1, stdout=-1)
            shell = await asyncio.create_subprocess_shell("exit 4")
            print(await cat.communicate(b"through"), await shell.wait())
            print(await asyncio.gather(*(asyncio.to_thread(lambda n=n: n) for n in range(3))))
            reader, writer = await asyncio.open_unix_connection(sock=ours)
            writer.write(b"line\\n")
            print(await reader.readline())

        import socket
        ours, theirs = socket.socketpair()
        threading.Thread(target=lambda: theirs.sendall(theirs.recv(100))).start()
        asyncio.run(main())
        """) == "328350\n/BIN/SH\n3\nTrue\ntimeout\n(b'through', None) 4\n[0, 1, 2]\nb'line\\n'\n"


def test_signals_exits_and_hooks(server):
    assert run(server, "py", """
        import atexit, os, signal, sys, threading
        atexit.register(print, "at the end")
        signal.signal(signal.SIGUSR1, lambda *_: print("usr1"))
        os.kill(os.getpid(), signal.SIGUSR1)
        signal.signal(signal.SIGALRM, lambda *_: print("alarm"))
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        signal.pause()
        pid = os.fork()
        if pid == 0: os._exit(5)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), __name__, sys.argv, __file__)
        """, args=["a b"]) == "usr1\nalarm\n5 __main__ ['/mnt/data/main.py', 'a b'] /mnt/data/main.py\nat the end\n"


def test_numbers_with_threads(server):
    """Linear algebra is one thread unless a program asks for more, which it may."""
    assert run(server, "py", """
        import os, threading
        before = len(os.listdir("/proc/self/task"))
        import numpy
        a = numpy.ones((200, 200))
        print(before, len(os.listdir("/proc/self/task")), (a @ a)[0, 0], os.environ.get("OMP_NUM_THREADS"))
        """) == "1 1 200.0 None\n"
    assert run(server, "bash", """
        OPENBLAS_NUM_THREADS=2 python3 -c 'import numpy; a = numpy.ones((400, 400)); print((a @ a)[0, 0])'
        """) == "400.0\n"
