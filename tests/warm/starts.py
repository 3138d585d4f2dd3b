"""How programs were started, as the worker's metrics tell it."""

import re

from harness import until

STARTED = re.compile(r'codeapi_programs_started_total\{language="([^"]*)",start="([^"]*)"\} (\d+)')


def starts(server, language, start):
    """How many programs of a language were started `warm` or `cold`."""
    found = STARTED.findall(server.get("/metrics").body.decode())
    return sum(int(count) for which, how, count in found if (which, how) == (language, start))


def await_warm(server, code="print()"):
    """Returns when a program like this one is started warm."""

    def once():
        before = starts(server, "py", "warm")
        server.exec_("py", code)
        return starts(server, "py", "warm") > before

    until(once, "no program is started warm", seconds=60)


def run_warm(server, language, code, **request):
    """The answer of a program that was started warm: the first ones of a kind may not be. Nobody else may start programs
    of that language meanwhile."""
    answers = []

    def once():
        before = starts(server, language, "warm")
        answers.append(server.exec_(language, code, **request))
        return starts(server, language, "warm") > before

    until(once, f"no program of {language} is started warm", seconds=60)
    return answers[-1]
