"""What this service promises, as ratios to floors that were measured in the same run: a slow machine slows both."""

import dataclasses

CONCURRENT = 16
PLOT_NAME = "plot"
IDLE_MIB = 60


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part / 100))]


def p50(values):
    return percentile(values, 50)


@dataclasses.dataclass
class Verdict:
    """One target: its words, what was measured, the floor beside it, the figure that is judged, and whether it is met."""

    target: str
    measured: str
    floor: str
    figure: str
    met: bool


def _ratio(target, measured, floor, most):
    ratio = measured / floor
    return Verdict(f"{target} at most {most:g} × floor", f"{measured:.2f} ms", f"{floor:.2f} ms", f"{ratio:.2f} ×", ratio <= most)


def _above(target, measured, floor, most):
    over = measured - floor
    return Verdict(f"{target} at most floor + {most:g} ms", f"{measured:.2f} ms", f"{floor:.2f} ms", f"{over:+.2f} ms",
                   over <= most)


def _tail(name, times):
    ratio = percentile(times, 99) / p50(times)
    return Verdict(f"{name}, {CONCURRENT} at once: p99 at most 4 × p50", f"p99 {percentile(times, 99):.1f} ms",
                   f"p50 {p50(times):.1f} ms", f"{ratio:.2f} ×", ratio <= 4)


def verdicts(measured):
    """The verdicts that these measurements allow (a mode that is measured for comparison has fewer)."""
    out = []
    latency = {name: (p50(ours), p50(floor)) for name, (floor, ours) in measured["latency"].items()}
    out.append(_ratio("Python hello", *latency["Python"], 0.5))
    out.append(_above("bash echo", *latency["bash"], 4))
    if "node" in latency:
        out.append(_ratio("node hello, asked 5 times a second", *latency["node"], 0.5))
    if PLOT_NAME in latency:
        out.append(_ratio("pandas and matplotlib, a plot returned as a file", *latency[PLOT_NAME], 0.25))
    for name, ((rate, times), (floor_rate, _)) in measured["throughput"].items():
        if name == "Python":
            out.append(Verdict(f"Python, {CONCURRENT} at once: at least 1.5 × as many per second as bare", f"{rate:.0f}/s",
                               f"{floor_rate:.0f}/s", f"{rate / floor_rate:.2f} ×", rate >= 1.5 * floor_rate))
        out.append(_tail(name, times))
    for name, times in measured["calls"].items():
        both, floor = p50(times["both"]), p50(times["floor"])
        if name == "Python":
            out.append(_ratio("Python, one tool call, both rounds", both, floor, 1))
        else:
            out.append(_above(f"{name}, one tool call, both rounds", both, floor, 10))
    if "moved" in measured:
        floor_up, up, floor_down, down = (p50(times) for times in measured["moved"].values())
        out.append(_ratio("upload of 10 MB", up, floor_up, 4))
        out.append(_ratio("download of 10 MB", down, floor_down, 11))
    if "idle" in measured:
        out.append(Verdict(f"idle, without zygotes and waiting programs, at most {IDLE_MIB} MiB resident",
                           f"{measured['idle']:.1f} MiB", "", "", measured["idle"] <= IDLE_MIB))
    return out
