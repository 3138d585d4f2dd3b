"""Every language, every program of its directory: one table of what each program's name asks for.

`<language>/<case>.<extension>` is run as the case of that name in CASES says, changed by the language's own
`expected.json`. A case that is only in `expected.json` is a language's own. `stderr` is a pattern that is searched for; a
list of codes is any of them, since compilers change theirs. All programs are sent at once, so that the server runs several at a time, and looked at one by one.
"""

import concurrent.futures
import json
import pathlib
import re

import pytest

from harness import by_name, names, reference, rootless, sandbox_line

HERE = pathlib.Path(__file__).resolve().parent
ARGUMENTS = ["one", "two words", "--three", "ü$(id)"]
OUTPUT_LIMIT = 65_536
AT_ONCE = 4

CASES = {
    "hello": {"stdout": "hello\n"},
    "args": {"request": {"args": ARGUMENTS}, "stdout": "".join(f"{argument}\n" for argument in ARGUMENTS)},
    "stdin": {"request": {"stdin": "1\n2\n3\n"}, "stdout": "6\n"},
    "read": {"input": True, "stdout": "from the input\n"},
    "write": {"files": ["out.txt"], "content": "written\n"},
    "syntax": {"code": 1, "files": []},
    "fault": {"code": 1},
    "loop": {"request": {"timeout": 700}, "code": 137, "signal": "SIGKILL", "status": "TO",
             "message": "Time limit exceeded"},
    "memory": {"code": 137, "signal": "SIGKILL", "status": "SG", "message": "Out of memory"},
    "utf8": {"stdout": "Grüße, 世界 🎉\n"},
    "threads": {"stdout": "4000\n"},
    "output": {"code": 137, "signal": "SIGKILL", "status": "OL", "message": "stdout length exceeded",
               "length": OUTPUT_LIMIT},
}
LANGUAGES = ["py", "js", "ts", "c", "cpp", "java", "php", "rs", "go", "d", "f90", "r", "bash", "node"]
# Without cgroups a program that wants too much is refused memory and ends as it likes.
NEEDS_CGROUPS = {"memory"}


def programs():
    """{(language, case): (file, expectation)}"""
    out = {}
    for language in LANGUAGES:
        own = json.loads((HERE / language / "expected.json").read_text(encoding="utf-8"))
        files = {path.stem: path for path in (HERE / language).iterdir() if path.name != "expected.json"}
        assert set(files) == set(CASES) | set(own), f"{language}: programs and expectations differ"
        for case, path in files.items():
            if case in NEEDS_CGROUPS and rootless():
                continue
            out[language, case] = (path, {"code": 0, "signal": None, **CASES.get(case, {}), **own.get(case, {})})
    return out


PROGRAMS = programs()


@pytest.fixture(scope="module")
def answers(language_server):
    """{(language, case): answer}, of all of them."""
    table = language_server.exec_("bash", "echo 'from the input' > data.txt")
    data = reference(by_name(table)["data.txt"])

    def run(key):
        path, expected = PROGRAMS[key]
        request = {"files": [data] if expected.get("input") else [], **expected.get("request", {})}
        return key, language_server.exec_(key[0], path.read_text(encoding="utf-8"), **request)

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(pool.map(run, PROGRAMS))


@pytest.mark.parametrize("language,case", list(PROGRAMS))
def test_program(language_server, answers, language, case):
    answer, expected = answers[language, case], PROGRAMS[language, case][1]
    status, codes = expected.get("status"), expected["code"]
    assert answer["code"] in (codes if isinstance(codes, list) else [codes]), answer
    assert (answer["signal"], answer["status"]) == (expected["signal"], status), answer
    if "stdout" in expected:
        assert answer["stdout"] == expected["stdout"], answer
    if "length" in expected:
        assert len(answer["stdout"]) == expected["length"]
    if "stderr" in expected:
        assert re.search(expected["stderr"], answer["stderr"]), answer["stderr"]
    elif expected["code"] == 0:
        assert answer["stderr"] == ""
    if status:
        assert sandbox_line(answer) == [expected["message"]]
    new = [file for file in answer["files"] if not file.get("inherited")]
    if "files" in expected or expected["code"] == 0:
        assert names({"files": new}) == expected.get("files", [])
    if "content" in expected:
        assert language_server.download(new[0]).body.decode() == expected["content"]
