"""What comes of a program, without what no two processes have alike."""

import concurrent.futures

from programs import VOLATILE
from starts import starts

from harness import by_name

AT_ONCE = 4
SAME = ("stdout", "stderr", "code", "signal", "status", "message")


def seen(server, code, request):
    answer = server.exec_("py", code, **request)
    out = {name: answer.get(name) for name in SAME}
    for name in "stdout", "stderr":
        out[name] = VOLATILE.sub("…", out[name])
    out["files"] = {name: server.download(file).body for name, file in by_name(answer).items()}
    return out


def both_ways(pair, programs):
    """{name: (warm, cold)} of {name: (code, request)}, and under "started" how many were started warm, on each."""
    warm, cold = pair
    before = starts(warm, "py", "warm"), starts(cold, "py", "warm")

    def both(entry):
        name, (code, request) = entry
        return name, (seen(warm, code, request), seen(cold, code, request))

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        out = dict(pool.map(both, programs.items()))
    out["started"] = starts(warm, "py", "warm") - before[0], starts(cold, "py", "warm") - before[1]
    return out
