"""A Python program cannot tell whether it was started from a zygote: every program is run both ways, and all but the
time has to be the same."""

import json
import pathlib

import pytest
from outcome import both_ways
from programs import PROGRAMS

LANGUAGES = pathlib.Path(__file__).resolve().parent.parent / "languages" / "py"
# Where the order of what two processes print, or where a thread is when it is killed, differs from run to run.
UNORDERED = {"fork exits", "busy daemon at exit", "daemon at exit"}


def all_programs():
    out = dict(PROGRAMS)
    for path in sorted(LANGUAGES.glob("*.py")):
        out[f"languages {path.name}"] = (path.read_text(encoding="utf-8"), {"timeout": 5000})
    return {name: entry if isinstance(entry, tuple) else (entry, {}) for name, entry in out.items()}


ALL = all_programs()


@pytest.fixture(scope="module")
def outcomes(pair):
    return both_ways(pair, ALL)


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
