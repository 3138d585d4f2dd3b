#!/usr/bin/python3
"""Runs the runtimes' own test suites inside cells and beside them, and compares test by test.

    run.py [MODULE…]      CPython's modules and programs to compare; all of them without arguments

Fails on a difference that is not in differences.txt, and, when everything was run, on an entry that no longer
differs. The tests of left_out.txt are run on neither side. The last line has the figures.
"""

import concurrent.futures
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from harness import Server  # noqa: E402
from runtimes import sides  # noqa: E402
from runtimes.comparison import compare, judge, lasting, read_left_out, read_table  # noqa: E402

SUITE = pathlib.Path("/usr/lib/python3.11/test")
# Much of what the suites do is waiting.
WORKERS = 2 * os.cpu_count() + 1
PROGRAMS = sorted((pathlib.Path(__file__).resolve().parent / "programs").iterdir())


def modules():
    """CPython's modules by name, those first that take longest, so that none is left over at the end."""
    found = {path.stem for path in SUITE.glob("test_*.py")} | {path.name for path in SUITE.glob("test_*/")}
    slow = [name for name in ("test_multiprocessing_spawn", "test_multiprocessing_forkserver", "test_asyncio",
                              "test_multiprocessing_fork", "test_concurrent_futures", "test_subprocess")
            if name in found]
    return slow + sorted(found - set(slow))


def run_both(name, outside, inside):
    """(what was run outside, differences) of one module or program."""
    path = next((path for path in PROGRAMS if path.name == name), None)

    def run(only=()):
        if path:
            return sides.program(outside, path), sides.program(inside, path)
        # What is about the module as a whole shows only when all of it runs.
        only = () if name in only else only
        left_out = [pattern for pattern in read_left_out() if pattern.startswith(f"test.{name}.")]
        return sides.cpython(outside, name, only, left_out), sides.cpython(inside, name, only, left_out)

    first = run()
    found = compare(*first)
    return first[0], lasting(found, run) if found else []


def main(names):
    everything = not names
    names = names or [*modules(), *(path.name for path in PROGRAMS)]
    started, differences, counted = time.monotonic(), [], 0
    server = Server(sides.SETTINGS).start()
    try:
        inside = sides.Inside(server)
        outside = sides.Outside(inside.environment())
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            running = {pool.submit(run_both, name, outside, inside): name for name in names}
            for done, task in enumerate(concurrent.futures.as_completed(running), 1):
                ran, found = task.result()
                counted += len(ran)
                differences += found
                figures = f"{len(ran)} tests, {len(found)} differ"
                print(f"[{done}/{len(names)}] {running[task]}: {figures}", flush=True)
                for difference in found:
                    print(f"    {difference}", flush=True)
    finally:
        server.stop()
        server.destroy()
    unexpected, stale = judge(differences, read_table())
    for difference in unexpected:
        print(f"not in differences.txt: {difference}")
    for entry in stale if everything else []:
        print(f"in differences.txt, and differs no longer: {entry}")
    failed = bool(unexpected) or (everything and bool(stale))
    print(f"test-runtimes: {counted} tests of {len(names)} modules and programs,"
          f" {len(read_left_out())} patterns left out, {len(differences)} differences, {len(unexpected)} unexpected,"
          f" {len(stale) if everything else 0} entries out of date,"
          f" {time.monotonic() - started:.0f} s: {'FAILED' if failed else 'ok'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
