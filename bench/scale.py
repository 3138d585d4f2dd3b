#!/usr/bin/python3
"""What one API over Redis carries with 1, 2 and 4 workers, next to starting the same interpreter bare.

Starts the whole service on loopback (tests/stack.py) with CODEAPI_BIN, else build/release/codeapi, prints
Markdown and leaves nothing behind. Every figure is the best of several rounds, since other load only ever
makes it worse. --quick is for trying it out. What the queue alone carries is measured by
redis_job_queue_bench, which `make bench-scale` runs too.
"""

import argparse
import os
import sys

from bench import progress  # and the paths of everything below

import load
from floors import Floors
from harness import binary
from page import machine, table
from programs import HELLO
from stack import Stack
from targets import CONCURRENT, percentile

NAMES = ("bash", "Python")
WORKERS = (1, 2, 4)


def best(rounds):
    """(highest rate, lowest p99) of [(rate, times)]."""
    return max(rate for rate, _ in rounds), min(percentile(times, 99) for _, times in rounds)


def measure(bare, workers, rounds, seconds):
    """{name: (floor rate, rate, p99, load average)}, floor and service in turns."""
    figures = {}
    with Stack(apis=1, workers=workers, environment={"CODEAPI_ROOT": "host"}) as stack:
        for name in NAMES:
            program = HELLO[name]
            load.throughput(stack.apis[0], program, CONCURRENT, 1)  # connections and page caches
            floors, ours = [], []
            for number in range(rounds):
                progress(f"{workers} workers, {name}: round {number + 1} of {rounds}")
                # As many at once as there are cores.
                floors.append(bare.throughput(program.argv, os.cpu_count(), seconds))
                ours.append(load.throughput(stack.apis[0], program, CONCURRENT, seconds))
            figures[name] = (best(floors)[0], *best(ours), os.getloadavg()[0])
    return figures


def page(hardware, results):
    rows = [[name, str(workers), f"{floor:.0f}", f"{rate:.0f}", f"{rate / floor:.2f}", f"{p99:.0f}", f"{load:.1f}"]
            for name in NAMES for workers, figures in results.items()
            for floor, rate, p99, load in [figures[name]]]
    return (f"Machine: {hardware}. {CONCURRENT} requests at once, everything on this one machine.\n\n" +
            table(["program", "workers", "bare starts/s (floor)", "POST /v1/exec per second", "of the floor",
                   "p99 ms", "load average"], rows))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a short run, for trying out")
    options = parser.parse_args()
    rounds, seconds = (1, 2) if options.quick else (3, 5)
    if not os.access(binary(), os.X_OK):
        sys.exit(f"bench-scale: {binary()} is missing: make build")
    hardware = machine()
    with Floors("host") as bare:
        print(page(hardware, {workers: measure(bare, workers, rounds, seconds) for workers in WORKERS}), end="")


if __name__ == "__main__":
    main()
