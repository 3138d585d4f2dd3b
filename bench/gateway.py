#!/usr/bin/python3
"""What the egress gateway adds to an execution, next to the same service without one.

Starts the service twice on loopback, signed jobs and a file server on a directory in both; workers of the one reach files
directly (the floor), workers of the other through a gateway with its ledger in a Redis of its own: one that writes to the
disk every second, and once more one that waits for the disk with each step, as the queue's does here. Executions are asked for in turns,
so that other load meets both. Prints Markdown and leaves nothing behind. --quick is for trying it out.
"""

import argparse
import sys
import tempfile
import time

from bench import progress  # and the paths of everything below

from guarded import GuardedStack
from harness import binary, by_name, reference
from identity import Keys
from page import machine, table
from stack import Redis, Stack
from targets import percentile

TARGET_MS = 1.0
MAKE = "open('/mnt/data/in.csv','w').write('1,2,3')"
NO_FILES = ("no files", "echo 1", False)
FILES = ("one input, one output", "cat in.csv > out.csv; echo 1", True)


class Asked:
    """One of the two set-ups, with a file that its programs read."""

    def __init__(self, stack):
        self.api = stack.apis[0]
        self.connection = self.api.connect()
        self.input = reference(by_name(self.api.exec_("py", MAKE))["in.csv"])

    def one(self, code, files):
        """Milliseconds of one execution."""
        begun = time.perf_counter()
        answer = self.api.exec_("bash", code, connection=self.connection, **({"files": [self.input]} if files else {}))
        took = (time.perf_counter() - begun) * 1000
        if answer["stdout"] != "1\n" or ("out.csv" in by_name(answer)) != files:
            raise RuntimeError(f"a program was answered wrongly: {answer}")
        return took


def measure(direct, guarded, what, rounds):
    """{name: (times without, times with)}, in turns."""
    times = {}
    for name, code, files in (NO_FILES, FILES):
        progress(f"{what}, {name}: {rounds} executions each")
        for _ in range(20):
            direct.one(code, files), guarded.one(code, files)
        without, with_gateway = [], []
        for number in range(rounds):
            # Who is first changes, so that neither finds what the other has just warmed.
            for asked, into in ((direct, without), (guarded, with_gateway))[::1 if number % 2 else -1]:
                into.append(asked.one(code, files))
        times[name] = (without, with_gateway)
    return times


def page(hardware, results):
    rows = []
    for fsync, times in results.items():
        for name, (without, with_gateway) in times.items():
            p50 = [percentile(one, 50) for one in (without, with_gateway)]
            rows.append([name, fsync, f"{p50[0]:.2f}", f"{p50[1]:.2f}", f"{p50[1] - p50[0]:.2f}",
                         f"{percentile(without, 99):.2f}", f"{percentile(with_gateway, 99):.2f}"])
    return (f"Machine: {hardware}. One execution after the other, everything on this one machine. "
            f"The target is at most {TARGET_MS:.0f} ms more at p50.\n\n" +
            table(["execution", "ledger's appendfsync", "without, p50 ms (floor)", "with gateway, p50 ms",
                   "added at p50, ms", "without, p99 ms", "with gateway, p99 ms"], rows))


def run(keys, fsync, rounds):
    """The figures with a ledger that is kept like this."""
    signed = {"SANDBOX_EXECUTION_MANIFEST_PUBLIC_KEY": keys.public, "CODEAPI_ROOT": "host", "MAX_REQUESTS": "1000000",
              "CODEAPI_INPUT_CACHE_BYTES": "0"}
    signs = {"CODEAPI_EXECUTION_MANIFEST_PRIVATE_KEY": keys.private_file.read_text()}
    ledger = Redis(fsync)
    try:
        ledger.start()
        with Stack(apis=1, workers=1, environment={**signed, **signs}, s3=False) as direct, \
                GuardedStack(keys, ledger, apis=1, workers=1, environment=signed, s3=False) as guarded:
            return measure(Asked(direct), Asked(guarded), f"ledger {fsync}", rounds)
    finally:
        ledger.destroy()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few executions, to see whether it works")
    options = parser.parse_args()
    progress(f"codeapi: {binary()}")
    with tempfile.TemporaryDirectory() as directory:
        keys = Keys(directory, "manifests")
        results = {fsync: run(keys, fsync, 50 if options.quick else 1000) for fsync in ("everysec", "always")}
    print(page(machine(), results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
