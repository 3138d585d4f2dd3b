"""A JavaScript program cannot tell whether its interpreter was started ahead of it: every program is run both ways, and
all but the time has to be the same."""

import re

import pytest
from node_programs import PROGRAMS, TYPESCRIPT
from outcome import SAME
from starts import run_warm, starts

from harness import by_name

LANGUAGES = {"node": PROGRAMS, "js": PROGRAMS, "ts": TYPESCRIPT}
# What no two processes have alike: numbers in Node's and Bun's reports of a crash.
VOLATILE = re.compile(r"0x[0-9a-f]+|Elapsed: \d+ms.*|RSS: .*|Peak: .*|Faults: .*|"
                      r"https://bun\.report/\S+|\(node:\d+\)|#.*?pid: \d+.*")
# Where programs of several processes or threads print in the order that they happen to run in.
UNORDERED = {"workers", "fork"}
# What differs from one cold start of Bun to the next as well: the size of its heap follows what memory is there, and
# threads of its garbage collector come and go.
VARIES = {("js", "process heap"), ("js", "threads"), ("js", "thread names")}
CASES = [(language, name) for language, programs in LANGUAGES.items() for name in programs
         if (language, name) not in VARIES]


@pytest.fixture(scope="module")
def servers(make_module_server, languages_root):
    settings = {"CODEAPI_ROOT": languages_root, "SANDBOX_MAX_CONCURRENT_JOBS": 4}
    return make_module_server({**settings, "CODEAPI_WARM": "on"}), make_module_server({**settings, "CODEAPI_WARM": "off"})


def seen(server, answer, name):
    out = {key: answer.get(key) for key in SAME}
    for key in "stdout", "stderr":
        out[key] = VOLATILE.sub("…", out[key])
        if name in UNORDERED:
            out[key] = sorted(out[key].split("\n"))
    out["files"] = {file: server.download(entry).body for file, entry in by_name(answer).items()}
    return out


@pytest.mark.parametrize(("language", "name"), CASES)
def test_same(servers, language, name):
    warm, cold = servers
    entry = LANGUAGES[language][name]
    code, request = entry if isinstance(entry, tuple) else (entry, {})
    one = seen(warm, run_warm(warm, language, code, **request), name)
    other = seen(cold, cold.exec_(language, code, **request), name)
    assert one == other


def test_the_other_server_started_nothing_warm(servers):
    assert [starts(servers[1], language, "warm") for language in LANGUAGES] == [0, 0, 0]


RANDOM = """
const c = require('crypto');
console.log(JSON.stringify([Math.random(), c.randomBytes(8).toString('hex'), c.randomUUID(), crypto.randomUUID()]));
"""


@pytest.mark.parametrize("language", ["node", "js"])
def test_random_numbers_are_each_programs_own(servers, language):
    answers = [run_warm(servers[0], language, RANDOM)["stdout"] for _ in range(4)]
    assert len(set(answers)) == len(answers)


@pytest.mark.parametrize("language", ["node", "js"])
def test_what_a_waiting_interpreter_cannot_take_starts_cold(servers, language):
    warm = servers[0]
    run_warm(warm, language, "")
    before = starts(warm, language, "cold")
    assert warm.exec_(language, "console.log(process.argv.slice(2))", args=["a"])["stdout"].split() in \
        (["[", "'a'", "]"], ["[", '"a"', "]"])
    assert warm.exec_(language, "console.log(require('fs').readFileSync(0, 'utf8'))", stdin="in")["stdout"] == "in\n"
    assert starts(warm, language, "cold") == before + 2
