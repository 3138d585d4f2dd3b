"""The measurements as a page of Markdown."""

import datetime
import os
import pathlib
import platform
import re

from targets import CONCURRENT, percentile, p50, verdicts

# A section written by hand, which a new page takes over from the old one.
KEPT = re.compile(r"<!-- kept: begin -->.*<!-- kept: end -->\n", re.DOTALL)


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        cpu = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")),
                   platform.machine())
    with open("/proc/meminfo", encoding="utf-8") as file:
        memory = int(next(line for line in file if line.startswith("MemTotal")).split()[1]) / (1 << 20)
    return (f"{cpu}, {os.cpu_count()} cores, {memory:.1f} GiB, Linux {platform.release()}; "
            f"load before the run {os.getloadavg()[0]:.2f}")


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def percentiles(values):
    return [f"{percentile(values, part):.2f}" for part in (50, 90, 99)]


def _targets(mode, measured):
    rows = [[v.target, v.floor, v.measured, v.figure, "yes" if v.met else "**no**"] for v in verdicts(measured)]
    return f"\n## Targets, {mode}\n\n" + table(["target", "floor", "measured", "that is", "met"], rows)


def _latency(modes):
    rows = []
    for mode, measured in modes.items():
        for name, (floor, ours) in measured["latency"].items():
            ratio = f"{p50(ours) / p50(floor):.2f}"
            rows.append([f"{name}: bare (floor)", *percentiles(floor), "", ""])
            rows.append([f"{name}: POST /v1/exec, {mode}", *percentiles(ours), f"{p50(ours) - p50(floor):+.2f}", ratio])
    return ("\n## One execution\n\nMilliseconds from the request to the whole answer, over one connection on loopback; the "
            "floor is the same program\nstarted bare in the same root. Both are taken in turns. Python, bash and node print "
            "`hello`, node 5 times a second;\nplot imports pandas and matplotlib, draws, and its PNG is among the answer's "
            "files.\n\n" + table(["", "p50", "p90", "p99", "over floor", "× floor"], rows))


def _calls(modes):
    rows = []
    for mode, measured in modes.items():
        for name, times in measured["calls"].items():
            floor = p50(times["floor"])
            for what, values in times.items():
                both = what == "both"
                title = "bare (floor)" if what == "floor" else f"{what}, {mode}"
                rows.append([f"{name}: {title}", *percentiles(values), f"{p50(values) - floor:+.2f}" if both else "",
                             f"{p50(values) / floor:.2f}" if both else ""])
    return ("\n## One tool call\n\nMilliseconds of `POST /v1/exec/programmatic` for a program that calls one tool and prints "
            "its result: until its call is\nthere, and from its result to its end; without what the client does between. The "
            "floor prints `hello`.\n\n" + table(["", "p50", "p90", "p99", "over floor", "× floor"], rows))


def _throughput(modes):
    rows = []
    for mode, measured in modes.items():
        for name, ((rate, times), (floor_rate, floor_times)) in measured["throughput"].items():
            rows.append([f"{name}: bare (floor)", f"{floor_rate:.0f}", *percentiles(floor_times), ""])
            rows.append([f"{name}: POST /v1/exec, {mode}", f"{rate:.0f}", *percentiles(times), f"{rate / floor_rate:.2f}"])
    return f"\n## {CONCURRENT} at once\n\n" + table(["", "per second", "p50 ms", "p90 ms", "p99 ms", "rate × floor"], rows)


def _curve(measured):
    text = ("\n## From 1 to 64 at once\n\nExecutions per second and milliseconds; the floor starts as many bare programs at "
            "a time.\n")
    for name, points in measured["curve"].items():
        text += f"\n{name}:\n\n" + table(
            ["at once", "per second", "p50", "p99", "p99 ÷ p50", "bare per second", "bare p50", "rate × floor"],
            [[str(count), f"{rate:.0f}", f"{p50(times):.1f}", f"{percentile(times, 99):.1f}",
              f"{percentile(times, 99) / p50(times):.1f}", f"{bare:.0f}", f"{p50(bare_times):.1f}", f"{rate / bare:.2f}"]
             for count, (rate, times), (bare, bare_times) in points])
    return text


def _inputs(measured):
    return ("\n## From 0 to 200 MB of inputs\n\nMilliseconds (medians) of a bash program that is given so much in files of at "
            "most 25 MB; the floor starts bash bare and\nmoves the same bytes from files through a local socket into a tmpfs."
            "\n\n" + table(["MB", "POST /v1/exec", "floor", "× floor", "MB/s beyond the empty one"],
                           [[f"{size / 1e6:g}", f"{ours:.1f}", f"{floor:.1f}", f"{ours / floor:.2f}",
                             f"{size / 1e3 / max(ours - measured['inputs'][0][1], 0.001):.0f}" if size else ""]
                            for size, ours, floor in measured["inputs"]]))


def _memory(measured):
    rows = []
    for what, group in sorted(measured["memory"].items()):
        rows.append([what, str(len(group)), f"{max(p.peak for p in group):.1f}",
                     *(f"{sum(getattr(p, field) for p in group):.1f}" for field in ("resident", "proportional", "unique"))])
    text = ("\n## Memory\n\nMiB of every process of the service, idle after all of the above: resident, shared pages divided "
            "by their users, and pages\nof its own alone.\n\n")
    text += table(["process", "how many", "largest peak", "resident", "proportional", "unique"], rows)
    text += "\nOne more ready cell costs so much of its own (median, its init included):\n\n"
    return text + table(["with", "unique MiB"], [[name, f"{size:.2f}"] for name, size in sorted(measured["cells"].items())])


def _rest(measured):
    text = ("\n## Every language\n\nMilliseconds from the request to the answer of a program that prints `hello`, compiling "
            "included.\n\n")
    text += table(["", "p50", "p90"], [[name, f"{p50(times):.0f}", f"{percentile(times, 90):.0f}"]
                                       for name, times in measured["languages"].items()])
    text += ("\n## Moving 10 MB\n\nMilliseconds; the floor is the same bytes through a local socket to and from the "
             "same disk, synced as ours are.\n\n")
    text += table(["", "p50", "p90", "p99"], [[name, *percentiles(times)] for name, times in measured["moved"].items()])
    text += "\n## Making a cell\n\nMilliseconds of each step, which are spent before a request comes.\n\n"
    return text + (table(["step", "median ms"], [[name, f"{ms:.3f}"] for name, ms in measured["setup"].items()])
                   if measured["setup"] else "This build does not report its setup steps.\n")


def kept(path):
    """The section of the page at `path` that is written by hand; empty if there is none."""
    try:
        found = KEPT.search(pathlib.Path(path).read_text(encoding="utf-8"))
    except OSError:
        return ""
    return "\n" + found.group() if found else ""


def page(hardware, root, modes, by_hand):
    """`modes` is {mode: measurements}; the first is what users get, others are for comparison."""
    mode, measured = next(iter(modes.items()))
    text = "# Benchmarks\n\n"
    text += f"Made by `make bench` on {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}.\n\n"
    text += f"Machine: {hardware}. Programs see {root}.\n"
    text += "".join(_targets(name, values) for name, values in modes.items())
    text += by_hand
    text += _latency(modes) + _calls(modes) + _throughput(modes) + _curve(measured) + _inputs(measured)
    return text + _memory(measured) + _rest(measured)
