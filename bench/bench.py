#!/usr/bin/python3
"""What one execution costs, next to starting the same interpreter bare, on the same machine in one run.

Starts a `codeapi serve` of its own (CODEAPI_BIN, else build/release/codeapi), measures, prints Markdown, and
leaves nothing behind. --write FILE also stores the page; --quick is for trying it out; --check fails on a
missed target.

CODEAPI_ROOT chooses what programs see, and so the interpreters of the floors; CODEAPI_WARM=off measures cold starts only.
"""

import argparse
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "tests")]

import load  # noqa: E402
import memory  # noqa: E402
import tool_calls  # noqa: E402
import transfers  # noqa: E402
from asking import connect, exec_bytes, post_bytes, timed, timed_exec  # noqa: E402
from floors import Floors  # noqa: E402
from footprint import groups  # noqa: E402
from harness import Server, binary, clean_environment  # noqa: E402
from page import kept, machine, page  # noqa: E402
from programs import HELLO, PLOT  # noqa: E402
from targets import CONCURRENT, PLOT_NAME, verdicts  # noqa: E402

BEGIN = time.monotonic()
NODE_PERIOD = 0.2


def progress(text):
    print(f"bench: {time.monotonic() - BEGIN:3.0f} s: {text}", file=sys.stderr, flush=True)


class Scale:
    """How long everything takes."""

    def __init__(self, quick):
        self.rounds, self.calls, self.plots, self.nodes = (20, 10, 3, 10) if quick else (200, 60, 15, 60)
        self.seconds, self.compiles, self.runs = (2, 2, 3) if quick else (8, 8, 15)
        self.counts = (1, 16, 64) if quick else (1, 2, 4, 8, 16, 32, 64)
        self.curve_seconds = 1 if quick else 2
        self.megabytes = (0, 10, 200) if quick else (0, 1, 10, 25, 50, 100, 200)
        self.input_rounds = 2 if quick else 7


@contextlib.contextmanager
def started(settings):
    """A server that must also end well."""
    server = Server(settings).start()
    try:
        yield server
        if (status := server.stop()) != 0:
            raise RuntimeError(f"the server ended with {status}")
    finally:
        server.destroy()


# -- the measurements ----------------------------------------------------------------------------------------

def in_turns(connection, floors, program, rounds, pause=None):
    """(floor times, execution times): a noisy machine disturbs both alike. `pause` waits before each."""
    floor, ours = [], []
    for number in range(rounds + 3):  # the first ones fill page caches
        pause and pause()
        ours_now = program.ask(connection)
        pause and pause()
        floor_now = program.floor(floors)
        if number >= 3:
            floor.append(floor_now)
            ours.append(ours_now)
    return floor, ours


def every(seconds):
    """A pause that ends at fixed points of time, `seconds` apart."""
    due = time.monotonic()

    def pause():
        nonlocal due
        due += seconds
        time.sleep(max(0, due - time.monotonic()))

    return pause


def measure_latency(server, floors, there, scale):
    """{name: (floor times, execution times)}"""
    out = {}
    with connect(server) as connection:
        for name in ("Python", "bash"):
            progress(f"latency: {name}, {scale.rounds} times")
            out[name] = in_turns(connection, floors, HELLO[name], scale.rounds)
        if "node" in there:
            progress(f"latency: node, 5 times a second, {scale.nodes} times")
            out["node"] = in_turns(connection, floors, HELLO["node"], scale.nodes, every(NODE_PERIOD / 2))
        if can_plot(floors):
            progress(f"latency: a plot, {scale.plots} times")
            out[PLOT_NAME] = in_turns(connection, floors, PLOT, scale.plots)
    return out


def can_plot(floors):
    """Whether this root has what the plot needs."""
    found = "import importlib.util as u\nprint(all(map(u.find_spec, ('pandas', 'matplotlib'))))"
    try:
        floors.timed([*PLOT.argv[:-1], found], "True\n")
    except RuntimeError:
        progress("no pandas and matplotlib in this root: the plot is left out")
        return False
    return True


def measure_tool_calls(server, floors, rounds):
    """{name: {what: times}} of one tool call."""
    progress("tool calls")
    with connect(server) as connection:
        return tool_calls.measure(lambda path, value: timed(connection, post_bytes(path, value)),
                                  {name: lambda name=name: HELLO[name].floor(floors) for name in tool_calls.WORK}, rounds)


def measure_throughput(server, floors, there, seconds):
    """{name: (our (rate, times), the floor's)}"""
    out = {}
    for name, program in HELLO.items():
        if name == "node" and name not in there:
            continue
        progress(f"throughput: {name}, {CONCURRENT} at once, {seconds} s and half of it bare")
        out[name] = (load.throughput(server, program, CONCURRENT, seconds),
                     floors.throughput(program.argv, CONCURRENT, seconds / 2))
    return out


def steps_of(value):
    """{step: ms} out of what `codeapi run --timings` wrote, whether an object or a list of steps."""
    for key in ("setup", "steps", "timings"):
        if isinstance(value, dict) and isinstance(value.get(key), (dict, list)):
            return steps_of(value[key])
    if isinstance(value, dict):
        return {name: float(ms) for name, ms in value.items() if isinstance(ms, (int, float))}
    if isinstance(value, list):
        pairs = [(step.get("step") or step.get("name"), step.get("ms", step.get("us", 0) / 1000))
                 for step in value if isinstance(step, dict)]
        return {name: float(ms) for name, ms in pairs if name}
    return {}


def measure_setup(rounds):
    """{step of making a cell: median ms}; empty when this codeapi does not say."""
    progress(f"setup steps: {rounds} runs from the command line")
    steps = {}
    with tempfile.TemporaryDirectory(prefix="codeapi-bench-") as directory:
        program = pathlib.Path(directory) / "hello.py"
        program.write_text('print("hello")\n')
        for _ in range(rounds):
            run = subprocess.run([binary(), "run", "--timings", str(program)], capture_output=True, text=True,
                                 env=clean_environment(), cwd=directory, timeout=60, stdin=subprocess.DEVNULL)
            for line in run.stderr.splitlines():
                try:
                    value = json.loads(line) if line.startswith("{") else None
                except ValueError:
                    continue
                for name, ms in steps_of(value).items():
                    steps.setdefault(name, []).append(ms)
    return {name: statistics.median(values) for name, values in steps.items()}


def measure_languages(settings, rounds):
    """{language: times in ms from request to answer}, compiling included, in the root that has most of them."""
    root = root_path("test-root", "root")
    programs = {path.parent.name: path.read_text(encoding="utf-8")
                for path in sorted((ROOT / "tests" / "languages").glob("*/hello.*"))}
    out = {}
    with started({"CODEAPI_ROOT": root, **settings}) as server, connect(server) as connection:
        for language in [name for name in installed(root) if name in programs]:
            progress(f"languages: {language}")
            request = exec_bytes(language, programs[language])
            timed_exec(connection, request)  # page caches
            out[language] = [timed_exec(connection, request) for _ in range(rounds)]
    return out


def compared(server, floors, there, scale):
    """What is measured in every mode."""
    return {"latency": measure_latency(server, floors, there, scale),
            "calls": measure_tool_calls(server, floors, scale.calls),
            "throughput": measure_throughput(server, floors, there, scale.seconds)}


def measured_once(server, floors, scale):
    """The rest, measured as users get it."""
    out = {"curve": {}}
    for name in ("Python", "bash"):
        progress(f"from {scale.counts[0]} to {scale.counts[-1]} at once: {name}")
        out["curve"][name] = load.curve(server, floors, HELLO[name], scale.counts, scale.curve_seconds)
    progress(f"up to {scale.megabytes[-1]} MB of inputs")
    out["inputs"] = load.inputs(server, lambda: HELLO["bash"].floor(floors),
                                [size * load.MB for size in scale.megabytes], scale.input_rounds)
    progress("moving files")
    out["moved"] = transfers.measure(server, max(5, scale.rounds // 8))
    progress("memory")
    processes = memory.idle(server)
    out["memory"] = groups(processes, server)
    out["cells"] = memory.warm_cells(processes)
    out["idle"] = memory.without_zygotes(processes, server)
    return out


# -- what there is to measure --------------------------------------------------------------------------------

def root_path(*names):
    """What programs see: CODEAPI_ROOT, else the first of these roots that is built here, else the machine's own /usr."""
    built = [str(ROOT / "build" / name / "current") for name in names if (ROOT / "build" / name / "current").exists()]
    return os.environ.get("CODEAPI_ROOT") or (built or ["host"])[0]


def ask_codeapi(*arguments, **settings):
    return subprocess.run([binary(), *arguments], capture_output=True, text=True, timeout=120,
                          env=clean_environment(**settings)).stdout.splitlines()


def installed(root):
    """The names of this root's languages, as `codeapi doctor` tells."""
    told = [line.split() for line in ask_codeapi("doctor", CODEAPI_ROOT=root) if line.startswith("language ")]
    return [words[1] for words in told if words[2] == "ok"]


def modes():
    """{mode: settings}: warm and cold starts where this codeapi knows both, as users get it first."""
    if not any(line.startswith("CODEAPI_WARM ") for line in ask_codeapi("config")):
        return {"cold starts": {}}
    if os.environ.get("CODEAPI_WARM", "").lower() in ("off", "false", "0", "no"):
        return {"cold starts": {"CODEAPI_WARM": "off"}}
    return {"warm starts": {"CODEAPI_WARM": "on"}, "cold starts": {"CODEAPI_WARM": "off"}}


def measure(scale, root):
    """{mode: measurements}"""
    out, there = {}, installed(root)
    with Floors(root) as floors:
        for mode, settings in modes().items():
            progress(f"starting the server: {mode}")
            with started({"CODEAPI_ROOT": root, **settings}) as server:
                out[mode] = compared(server, floors, there, scale)
                if len(out) == 1:
                    out[mode] |= measured_once(server, floors, scale)
            if len(out) == 1:
                out[mode]["languages"] = measure_languages(settings, scale.compiles)
                out[mode]["setup"] = measure_setup(scale.runs)
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", metavar="FILE", help="also write the page to this file")
    parser.add_argument("--quick", action="store_true", help="a short run, for trying out")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a target is missed")
    options = parser.parse_args()

    if not os.access(binary(), os.X_OK):
        sys.exit(f"bench: {binary()} is missing: make build")
    if os.geteuid() != 0:
        sys.exit("bench: must be started as root: it goes into the root that cells use")
    hardware = machine()
    root = root_path("root", "test-root")
    measured = measure(Scale(options.quick), root)
    sees = "this machine's own /usr" if root == "host" else "a root that `codeapi package-init` built"
    text = page(hardware, sees, measured, kept(options.write) if options.write else "")
    print(text, end="")
    if options.write:
        pathlib.Path(options.write).write_text(text, encoding="utf-8")
        progress(f"wrote {options.write}")
    first = next(iter(measured.values()))
    return 1 if options.check and not all(verdict.met for verdict in verdicts(first)) else 0


if __name__ == "__main__":
    sys.exit(main())
