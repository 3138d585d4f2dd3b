"""Attacks at the edges of the service (66–79), as far as they concern what there is."""

import pytest
from attack import assert_unharmed, attack
from expect import ENDED, KILLED_BY_TIME, assert_answer, out_of_memory, verdict
from harness import names, reference

ATTACKS = {
    66: ("Reaching the cloud's metadata and internal addresses",
         "a program has no sockets but local ones; the service itself fetches nothing that a caller names"),
    67: ("Reaching the service and its neighbours from inside",
         "AF_UNIX only, an empty network namespace, no `/run`"),
    69: ("Ambiguous and endless HTTP",
         "strict framing: what can be read in two ways is 400 and ends the connection"),
    70: ("JSON that is deep, broken, twice, or too large", "a depth of its own, UTF-8 only, bounded numbers"),
    72: ("Other people's ids",
         "ids of 21 characters and nothing else; an owner for each session; paths are decoded once"),
    75: ("Clients that leave", "a hang-up cancels the job wherever it is; the queue is bounded"),
    77: ("Programs that break their own interpreter or work directory",
         "the end is read from the wait status, files by descriptor; a mount point cannot be moved or"
         " removed"),
    78: ("Compiler bombs, `#include` of what is not the program's",
         "a compiler is a program in the same cell"),
    79: ("A day of everything",
         "the soak counts processes, mounts, cgroups, descriptors and memory before and after"),
}
COVERED_BY = {
    66: ["tests/security/test_edges.py test_67_nothing_can_be_reached"],
    69: ["src/net/http_request_reader_test.cc BadRequests",
         "src/net/http_request_reader_test.cc TooLargeIs431",
         "src/net/http_request_reader_test.cc SlowIs408",
         "tests/api/test_connection.py test_ambiguous_request_is_refused_and_the_connection_closed"],
    70: ["tests/api/test_exec_errors.py test_malformed_json", "tests/api/test_exec_errors.py test_deep_json"],
    72: ["tests/api/test_download.py test_bad_id", "tests/api/test_download.py test_id_of_another_session",
         "tests/api/test_exec_errors.py test_reference_that_is_not_ours",
         "src/api/download_test.cc OnlyTheOwnerMayDownload"],
    75: ["tests/api/test_connection.py test_hang_up_kills_the_program",
         "tests/api/test_connection.py test_hang_up_while_waiting_for_a_slot",
         "src/api/exec_test.cc DeadlineWhileWaiting"],
    79: ["tests/soak/soak.py main"],
}


def test_67_nothing_can_be_reached(server):
    answer = attack(server, "67_reach.py", [server.port])
    assert (verdict(answer), answer["stderr"]) == (ENDED, ""), answer
    found = {}
    for line in answer["stdout"].splitlines():
        kind, outcome = line.split(" ", 1)
        found.setdefault(kind, []).append(outcome)
    assert found.pop("tcp") == found.pop("udp") == ["EPERM"] * 10
    assert found.pop("tcp6") == ["EPERM"] * 3 and found.pop("vsock") == ["EPERM"]
    assert found.pop("tool") == ["refused"] * 5
    assert found.pop("unix") == ["ENOENT"] * 8
    assert found.pop("name") == ["none"]
    assert found == {"interfaces": ["['lo']"]}


@pytest.mark.parametrize("fields,status", [
    (b'"timeout":1e400', 200), (b'"timeout":1e-400', 400), (b'"timeout":99999999999999999999999999', 200),
    (b'"timeout":-9223372036854775809', 400), (b'"timeout":0x10', 400), (b'"timeout":NaN', 400),
    (b'"stdin":"\\ud800"', 400), (b'"stdin":"\\udc00\\ud800"', 400), (b'"stdin":"\xed\xa0\x80"', 400),
    (b'"stdin":"a\nb"', 400), (b'"x":1,', 400), (b'"x":[1,]', 400), (b'"x":01', 400), (b'/**/"x":1', 400),
    (b'"__proto__":{"lang":"py"}', 200), (b'"constructor":{"prototype":{}}', 200), (b'"":""', 200),
    (b'"x":1e400', 200), (b'"x":1,"x":2', 200)])
def test_70_json_is_read_in_one_way_only(server, fields, status):
    """A timeout beyond all bounds is the longest that is allowed; keys that mean nothing are passed over."""
    reply = server.post(b'{"lang":"bash","code":"echo ran",' + fields + b"}")
    assert reply.status == status, reply
    assert reply.json.get("stdout") == ("ran\n" if status == 200 else None)


@pytest.mark.parametrize("how,expected,stdout,stderr", [
    ("exit", (7, None, None, None), "", ""), ("stdout", (7, None, None, None), "", ""),
    ("exchanged", ENDED, "to stdout", "to stderr"), ("closed", ENDED, "", ""),
    ("root", ENDED, "True True\n", ""),
    ("directory", ENDED, None, "")])
def test_77_traps_end_honestly_and_keep_the_files(server, how, expected, stdout, stderr):
    answer = attack(server, "77_traps.py", [how], beside=False)
    assert verdict(answer) == expected and answer["stderr"] == stderr, answer
    if stdout is None:
        lines = answer["stdout"].splitlines()
        assert lines[0] in ("Device or resource busy", "Read-only file system", "Permission denied")
        assert lines[2:] == ["Not a directory", "No such file or directory"] and lines[1] != "done"
    else:
        assert answer["stdout"] == stdout
    assert names(answer) == ["kept.txt"]


@pytest.mark.parametrize("lang,code,expected,stdout,words", [
    ("py", "#!/bin/bash\nprint('python')", ENDED, "python\n", ""),
    ("bash", "#!/usr/bin/python3\necho bash", ENDED, "bash\n", ""),
    ("js", "#!/bin/bash\nconsole.log('node')", ENDED, "node\n", ""),
    ("py", "print('one')\r\nprint('two')\r\n", ENDED, "one\ntwo\n", ""),
    ("py", "x = " + "(" * 5000 + ")" * 5000, (1, None, None, None), "", "too many nested parentheses"),
    ("py", "x = " + "-" * 100_000 + "1", (1, None, None, None), "", "Error"),
    ("py", "def f(): f()\nf()", (1, None, None, None), "", "RecursionError"),
    ("js", "(function f() { f(); })()", (1, None, None, None), "", "RangeError"),
    ("py", "#" * (10 << 20) + "\nprint('large')", ENDED, "large\n", "")],
    ids=["shebang-py", "shebang-bash", "shebang-js", "crlf", "nested", "minus", "recursion", "recursion-js",
         "large"])
def test_77_sources_that_are_hard_to_read(server, lang, code, expected, stdout, words):
    answer = server.exec_(lang, code)
    assert (verdict(answer), answer["stdout"]) == (expected, stdout), answer
    assert words in answer["stderr"] and (words or not answer["stderr"])
    assert_unharmed(server)


def test_77_source_with_a_nul(server):
    """Python before 3.12 reads as far as the NUL, later ones refuse the file. What follows it never runs."""
    answer = server.exec_("py", "print('before')\0print('after')")
    if answer["code"] == 0:
        assert_answer(answer, stdout="before\n")
    else:
        assert_answer(answer, (1, None, None, None), "")
        assert "null bytes" in answer["stderr"]


def test_77_modules_in_the_place_of_the_standard_ones(server):
    """An input named like a module shadows it for the program it was handed to, and for nobody else."""
    made = server.exec_("py", "open('json.py', 'w').write(\"print('shadow')\\n\")")["files"]
    answer = server.exec_("py", "import json", files=[reference(file) for file in made])
    assert_answer(answer, stdout="shadow\n")
    assert_answer(server.exec_("py", "import json; print(json.dumps(1))"), stdout="1\n")


@pytest.mark.parametrize("how", ["memory", "recursion", "shadow", "environ", "incbin", "incbin_zero",
                                 "script"])
def test_78_compilers_read_and_grow_no_further(server, how):
    answer = attack(server, "78_compilers.sh", [how], beside=False, timeout=10000)
    # Not compiled, and no line of /etc/shadow among the messages.
    assert (verdict(answer), answer["stdout"]) == (ENDED, "0\n"), answer
    assert "root:" not in answer["stderr"]


@pytest.mark.cgroups
def test_78_compilers_that_do_not_end(server):
    assert verdict(attack(server, "78_compilers.sh", ["zero"], timeout=20000)) == out_of_memory(server)
    ends = (KILLED_BY_TIME, out_of_memory(server))
    assert verdict(attack(server, "78_compilers.sh", ["macro"], timeout=2000)) in ends


def test_78_compilers_write_and_start_nothing_outside(server):
    assert_answer(attack(server, "78_compilers.sh", ["output"]), stdout="")
    answer = attack(server, "78_compilers.sh", ["plugin"])
    assert verdict(answer) == ENDED
    identity, = answer["stdout"].split()
    assert identity != "0"
