#!/usr/bin/python3
"""What one execution costs, next to starting the same interpreter bare, on the same machine in one run.

Starts a `codeapi serve` of its own (CODEAPI_BIN, else build/release/codeapi), measures, prints Markdown, and
leaves nothing behind. --write FILE also stores the page; --quick is for trying it out; --check fails on a
missed target.
"""

import argparse
import datetime
import functools
import json
import os
import pathlib
import platform
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "tests")]

import tool_calls  # noqa: E402
import transfers  # noqa: E402
from census import tree  # noqa: E402
from harness import Server, binary, clean_environment  # noqa: E402

CONCURRENT = 16
# The system codeapi replaces answers this many Python programs per second at 16 at once on a 2-core machine.
REFERENCE_PER_SECOND = 41
TARGET_THROUGHPUT = 1.6 * REFERENCE_PER_SECOND
TARGET_OVER_FLOOR_MS = 5.0

WORK = {
    "Python": ("py", 'print("hello")', ["/usr/bin/python3", "-I", "-c", 'print("hello")']),
    "bash": ("bash", "echo hello", ["/bin/bash", "-c", "echo hello"]),
    "node": ("js", 'console.log("hello")', ["/usr/bin/node", "-e", 'console.log("hello")']),
}


def progress(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


# -- one request, as cheaply as Python can send it -----------------------------------------------------------

def post_bytes(path, value):
    body = json.dumps(value).encode()
    return (f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


def request_bytes(lang, code):
    return post_bytes("/v1/exec", {"lang": lang, "code": code})


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


def check(body):
    answer = json.loads(body)
    if (answer["stdout"], answer["code"]) != ("hello\n", 0):
        raise RuntimeError(f"a program was answered wrongly: {answer}")


def timed(connection, request):
    """Milliseconds of one request, and the body of its answer."""
    answer, begin = Answer(), time.perf_counter()
    connection.sendall(request)
    while (body := answer.feed(connection.recv(65536))) is None:
        pass
    return (time.perf_counter() - begin) * 1000, body


def timed_exec(connection, request):
    """Milliseconds of one execution."""
    took, body = timed(connection, request)
    check(body)
    return took


def timed_floor(argv):
    """Milliseconds to start a program bare, read its output to the end, and wait for it."""
    begin = time.perf_counter()
    read_end, write_end = os.pipe()
    actions = [(os.POSIX_SPAWN_DUP2, write_end, 1), (os.POSIX_SPAWN_CLOSE, read_end)]
    pid = os.posix_spawn(argv[0], argv, {"PATH": "/usr/bin:/bin"}, file_actions=actions)
    os.close(write_end)
    output = b""
    while piece := os.read(read_end, 4096):
        output += piece
    os.close(read_end)
    _, status = os.waitpid(pid, 0)
    took = time.perf_counter() - begin
    if output != b"hello\n" or status != 0:
        raise RuntimeError(f"{argv} gave {output!r}, status {status}")
    return took * 1000


# -- the measurements ----------------------------------------------------------------------------------------

def measure_latency(server, rounds):
    """{name: (floor times, execution times)}, taken in turns so that a noisy machine disturbs both alike."""
    requests = {name: request_bytes(lang, code) for name, (lang, code, _) in WORK.items()}
    times = {name: ([], []) for name in WORK}
    with connect(server) as connection:
        for name in WORK:  # page caches, and the first connection's first requests
            for _ in range(3):
                timed_floor(WORK[name][2])
                timed_exec(connection, requests[name])
        for number in range(rounds):
            if number % 50 == 0:
                progress(f"latency: round {number} of {rounds}")
            for name, (_, _, argv) in WORK.items():
                times[name][0].append(timed_floor(argv))
                times[name][1].append(timed_exec(connection, requests[name]))
    return times


def measure_tool_calls(server, rounds):
    """{name: {what: times}} of one tool call."""
    progress("tool calls")
    with connect(server) as connection:
        return tool_calls.measure(lambda path, value: timed(connection, post_bytes(path, value)),
                                  {name: functools.partial(timed_floor, WORK[name][2]) for name in tool_calls.WORK},
                                  rounds)


def measure_throughput(server, name, seconds):
    """Executions per second with CONCURRENT clients that ask again at once, and every answer's time in ms."""
    progress(f"throughput: {name}, {CONCURRENT} at once, {seconds} s")
    request = request_bytes(*WORK[name][:2])
    times = []
    with selectors.DefaultSelector() as selector:
        connections = [connect(server) for _ in range(CONCURRENT)]
        try:
            begin = time.perf_counter()
            for connection in connections:
                connection.sendall(request)
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
                    key.fileobj.sendall(request)
            return len(times) / seconds, times
        finally:
            for connection in connections:
                connection.close()


def measure_memory(server):
    """[(process name, how many, largest VmHWM, sum of VmRSS)] of the server's tree, in MiB."""
    groups = {}
    for status in tree(server.process.pid).values():
        if "VmHWM" in status:
            peak, now = (int(status[field].split()[0]) / 1024 for field in ("VmHWM", "VmRSS"))
            groups.setdefault(status["Name"].strip(), []).append((peak, now))
    return [(name, len(sizes), max(peak for peak, _ in sizes), sum(now for _, now in sizes))
            for name, sizes in sorted(groups.items())]


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


def root_setting():
    """The root whose languages are measured: CODEAPI_ROOT, else one that is built here, else the machine's own."""
    built = [str(ROOT / "build" / name / "current") for name in ("test-root", "root")
             if (ROOT / "build" / name / "current").exists()]
    return {"CODEAPI_ROOT": os.environ.get("CODEAPI_ROOT") or (built or ["host"])[0]}


def installed_languages():
    """{language: source of its hello} of those that this root has, as `codeapi doctor` tells."""
    told = subprocess.run([binary(), "doctor"], capture_output=True, text=True, timeout=120,
                          env=clean_environment(**root_setting()))
    there = [line.split()[1] for line in told.stdout.splitlines()
             if line.startswith("language ") and line.split()[2] == "ok"]
    programs = {path.parent.name: path.read_text(encoding="utf-8")
                for path in (ROOT / "tests" / "languages").glob("*/hello.*")}
    return {language: programs[language] for language in there if language in programs}


def measure_languages(server, rounds):
    """{language: times in ms from request to answer}, compiling included."""
    out = {}
    with connect(server) as connection:
        for language, code in installed_languages().items():
            progress(f"languages: {language}")
            request = request_bytes(language, code)
            timed_exec(connection, request)  # page caches
            out[language] = [timed_exec(connection, request) for _ in range(rounds)]
    return out


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


# -- the page ------------------------------------------------------------------------------------------------

def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part / 100))]


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def percentiles(values):
    return [f"{percentile(values, part):.2f}" for part in (50, 90, 99)]


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        cpu = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")),
                   platform.machine())
    with open("/proc/meminfo", encoding="utf-8") as file:
        memory = int(next(line for line in file if line.startswith("MemTotal")).split()[1]) / (1 << 20)
    return (f"{cpu}, {os.cpu_count()} cores, {memory:.1f} GiB, Linux {platform.release()}; "
            f"load before the run {os.getloadavg()[0]:.2f}")


def verdicts(latency, rate):
    """[(target, figure, whether met)]"""
    floor, ours = (percentile(values, 50) for values in latency["Python"])
    return [(f"Python hello within floor + {TARGET_OVER_FLOOR_MS:.0f} ms at p50",
             f"{ours:.2f} ms, floor {floor:.2f} ms: + {ours - floor:.2f} ms",
             ours <= floor + TARGET_OVER_FLOOR_MS),
            (f"throughput at {CONCURRENT} at once at least 1.6 × {REFERENCE_PER_SECOND}/s ="
             f" {TARGET_THROUGHPUT:.0f}/s",
             f"{rate:.0f}/s", rate >= TARGET_THROUGHPUT)]


def page(hardware, rounds, latency, calls, languages, throughput, moved, memory, setup):
    rows = []
    for name, (floor, ours) in latency.items():
        over = percentile(ours, 50) - percentile(floor, 50)
        rows.append([f"{name}: bare (floor)", *percentiles(floor), ""])
        rows.append([f"{name}: POST /v1/exec", *percentiles(ours), f"{over:+.2f}"])
    text = "# Benchmarks\n\n"
    text += f"Made by `make bench` on {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}.\n\n"
    text += f"Machine: {hardware}.\n\n"
    text += ("## One execution\n\nMilliseconds for a program that prints `hello`, over one connection on "
             "loopback, cold starts; the floor is the same\ninterpreter started bare. Both are taken in "
             f"turns, {rounds} times each.\n\n")
    text += table(["", "p50", "p90", "p99", "p50 over floor"], rows)
    text += ("\n## One tool call\n\nMilliseconds of `POST /v1/exec/programmatic` for a program that calls one tool and "
             "prints its result: until its call is\nthere, and from its result to its end; without what the client "
             f"does between. The floor is as above; {rounds} times each.\n\n")
    rows = []
    for name, measured in calls.items():
        floor = percentile(measured["floor"], 50)
        for what, times in measured.items():
            over = "" if what == "floor" else f"{percentile(times, 50) - floor:+.2f}"
            title = "bare (floor)" if what == "floor" else what
            rows.append([f"{name}: {title}", *percentiles(times), over if what == "both" else ""])
    text += table(["", "p50", "p90", "p99", "p50 over floor"], rows)
    text += ("\n## Every language\n\nMilliseconds from the request to the answer of a program that prints "
             "`hello`, cold, compiling included.\n\n")
    text += table(["", "p50", "p90"], [[name, f"{percentile(times, 50):.0f}", f"{percentile(times, 90):.0f}"]
                                       for name, times in languages.items()])
    text += f"\n## {CONCURRENT} at once\n\n"
    text += table(["", "per second", "p50 ms", "p90 ms", "p99 ms"],
                  [[name, f"{rate:.0f}", *percentiles(times)] for name, (rate, times) in throughput.items()])
    text += ("\n## Moving 10 MB\n\nMilliseconds; the floor is the same bytes through a local socket to and from the "
             "same disk, synced as ours are.\n\n")
    text += table(["", "p50", "p90", "p99"], [[name, *percentiles(times)] for name, times in moved.items()])
    text += "\n## Memory\n\nPeak resident MiB of every process of the service, after the load above.\n\n"
    text += table(["process", "how many", "largest peak", "resident now, together"],
                  [[name, str(count), f"{peak:.1f}", f"{now:.1f}"] for name, count, peak, now in memory])
    text += "\n## Making a cell\n\n"
    text += (table(["step", "median ms"], [[name, f"{ms:.3f}"] for name, ms in setup.items()]) if setup
             else "This build does not report its setup steps.\n")
    text += "\n## Targets\n\n"
    text += table(["target", "measured", "met"], [[target, figure, "yes" if met else "**no**"]
                                                  for target, figure,
                                                  met in verdicts(latency, throughput["Python"][0])])
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", metavar="FILE", help="also write the page to this file")
    parser.add_argument("--quick", action="store_true", help="a short run, for trying out")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a target is missed")
    options = parser.parse_args()
    rounds, seconds, runs, compiles = (20, 2, 3, 2) if options.quick else (200, 10, 20, 15)

    if not os.access(binary(), os.X_OK):
        sys.exit(f"bench: {binary()} is missing: make build")
    hardware = machine()
    progress("starting the server")
    languages_server = Server(root_setting()).start()
    try:
        languages = measure_languages(languages_server, compiles)
        languages_server.stop()
    finally:
        languages_server.destroy()
    # The interpreters that the floors are measured with.
    server = Server({"CODEAPI_ROOT": "host"}).start()
    try:
        latency = measure_latency(server, rounds)
        calls = measure_tool_calls(server, rounds)
        throughput = {name: measure_throughput(server, name, seconds) for name in WORK}
        progress("moving files")
        moved = transfers.measure(server, max(5, rounds // 5))
        memory = measure_memory(server)
        stopped = server.stop()
    finally:
        server.destroy()
    if stopped != 0:
        sys.exit(f"bench: the server ended with {stopped}")
    text = page(hardware, rounds, latency, calls, languages, throughput, moved, memory, measure_setup(runs))
    print(text, end="")
    if options.write:
        pathlib.Path(options.write).write_text(text, encoding="utf-8")
        progress(f"wrote {options.write}")
    missed = [target for target, _, met in verdicts(latency, throughput["Python"][0]) if not met]
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
