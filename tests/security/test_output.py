"""Attacks through what is written to stdout and stderr, or read from stdin (23–28)."""

import re

import census
import pytest
from attack import assert_unharmed, attack
from expect import ENDED, KILLED_BY_TIME, TOO_MUCH_OUTPUT, assert_answer, verdict
from harness import sandbox_line


def service_memory(server):
    """Peak resident bytes of the server process itself."""
    return int(census.tree(server.process.pid)[server.process.pid]["VmHWM"].split()[0]) << 10


@pytest.mark.parametrize("streams,expected", [("1", TOO_MUCH_OUTPUT), ("2", KILLED_BY_TIME),
                                              ("12", TOO_MUCH_OUTPUT)])
def test_23_endless_output_is_cut_and_held_by_nobody(server, streams, expected):
    before = service_memory(server)
    answer = attack(server, "23_flood.py", streams, timeout=3000)
    assert verdict(answer) == expected
    assert len(answer["stdout"]) == (65536 if "1" in streams else 0)
    assert len(answer["stderr"]) <= 65536 + 200
    assert sandbox_line(answer)[-1] == expected[3]
    assert service_memory(server) - before < 64 << 20


@pytest.mark.parametrize("stream,field", [("1", "stdout"), ("2", "stderr")])
def test_24_awkward_bytes_become_valid_json(server, stream, field):
    answer = attack(server, "24_bytes.py", [stream])
    assert verdict(answer) == ENDED
    squeezed = re.sub("\ufffd+", "\ufffd", answer[field])
    assert squeezed == ("\ufeffBOM\nnul:\0:\ninvalid:\ufffd:\ufffd:\ufffd:\nsurrogate:\ufffd:\ncut:\ufffd\n"
                        "escape:\x1b[31m\x1b]0;title\x07:\ncontrols:\x01\x08\x0b\x0c\x1f\x7f:\n"
                        "quotes:\"\\\\':\u2028\u2029\nend\r\n")


def test_24_one_line_of_a_gigabyte(server):
    answer = server.exec_("bash", "head -c 1G /dev/zero | tr '\\0' x")
    assert_answer(answer, TOO_MUCH_OUTPUT, "x" * 65536)
    assert_unharmed(server)


def test_26_writing_after_the_end_delays_nothing(server):
    answer = attack(server, "26_late_writer.py")
    assert verdict(answer) == ENDED and answer["stderr"] == ""
    assert answer["stdout"] in ("main\n", "main\nlate\n")
