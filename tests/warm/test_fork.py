"""A Python program cannot tell whether it was started from a zygote: every program is run both ways, and all but the
time has to be the same."""

import concurrent.futures
import json
import pathlib

import pytest
from programs import PROGRAMS, VOLATILE
from starts import starts

from harness import by_name

LANGUAGES = pathlib.Path(__file__).resolve().parent.parent / "languages" / "py"
AT_ONCE = 4
SAME = ("stdout", "stderr", "code", "signal", "status", "message")
# Where the order of what two processes print, or where a thread is when it is killed, differs from run to run.
UNORDERED = {"fork exits", "busy daemon at exit", "daemon at exit"}


def all_programs():
    out = dict(PROGRAMS)
    for path in sorted(LANGUAGES.glob("*.py")):
        out[f"languages {path.name}"] = (path.read_text(encoding="utf-8"), {"timeout": 5000})
    return {name: entry if isinstance(entry, tuple) else (entry, {}) for name, entry in out.items()}


ALL = all_programs()


def seen(server, code, request):
    """What comes of a program, without what no two processes have alike."""
    answer = server.exec_("py", code, **request)
    out = {name: answer.get(name) for name in SAME}
    for name in "stdout", "stderr":
        out[name] = VOLATILE.sub("…", out[name])
    out["files"] = {name: server.download(file).body for name, file in by_name(answer).items()}
    return out


@pytest.fixture(scope="module")
def outcomes(pair):
    """{name: (warm, cold)}; and that each was started as it should be."""
    warm, cold = pair
    before = starts(warm, "py", "warm"), starts(cold, "py", "warm")

    def both(entry):
        name, (code, request) = entry
        return name, (seen(warm, code, request), seen(cold, code, request))

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        out = dict(pool.map(both, ALL.items()))
    out["started"] = starts(warm, "py", "warm") - before[0], starts(cold, "py", "warm") - before[1]
    return out


def test_every_program_was_started_warm_and_cold(outcomes):
    assert outcomes["started"] == (len(ALL), 0)


@pytest.mark.parametrize("name", ALL)
def test_same(outcomes, name):
    warm, cold = outcomes[name]
    if name in UNORDERED:
        warm, cold = ({**it, "stdout": sorted(it["stdout"].split("\n"))} for it in (warm, cold))
    assert warm == cold


RANDOM = """
import json, os, random, secrets, tempfile, uuid
print(json.dumps([random.random(), random.getrandbits(64), secrets.token_hex(8), str(uuid.uuid4()), os.urandom(8).hex(),
                  next(tempfile._get_candidate_names())]))
"""


def test_random_numbers_are_each_programs_own(pair):
    answers = [json.loads(pair[0].exec_("py", RANDOM)["stdout"]) for _ in range(4)]
    for values in zip(*answers):
        assert len(set(values)) == len(answers), values


def test_authentication_keys_are_each_programs_own(pair):
    code = "import multiprocessing.process as p; print(bytes(p.current_process().authkey).hex())"
    assert len({pair[0].exec_("py", code)["stdout"] for _ in range(3)}) == 3
