"""Attacks through what is written to stdout and stderr, or read from stdin (23–28)."""

import re

import census
import pytest
from attack import assert_unharmed, attack
from expect import ENDED, KILLED_BY_TIME, TOO_MUCH_OUTPUT, assert_answer, verdict
from harness import names, sandbox_line

ATTACKS = {
    23: ("Endless output", "the jailer keeps what fits and ends the program; credit, so that nobody buffers"),
    24: ("A line of a gigabyte, NUL, broken UTF-8, escapes",
         "bytes become valid JSON, one U+FFFD for what is no text"),
    25: ("Characters cut by the limit or by a read",
         "the cut is at a character; what comes in pieces is joined"),
    26: ("Writing after the end", "init kills what is left before the answer is made"),
    27: ("Closed, unread, stolen, reconfigured streams",
         "only the service's own ends are non-blocking; the end is the death of the processes, not of"
         " the pipes"),
    28: ("Output that imitates our framing",
         "output and control never share a stream; the program has no descriptor but 0, 1, 2"),
}


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


@pytest.mark.parametrize("offset", [0, 1, 2, 3])
@pytest.mark.parametrize("stream", ["1", "2"])
def test_25_the_limit_cuts_between_characters(server, stream, offset):
    answer = attack(server, "25_split.py", [stream, "cut", offset], beside=False)
    kept = "x" * offset + "😀" * ((65536 - offset) // 4)
    if stream == "1":
        assert_answer(answer, TOO_MUCH_OUTPUT, kept)
    else:
        message = "stderr truncated at 65536 bytes"
        assert verdict(answer) == (0, None, None, message)
        assert answer["stderr"] == f"{kept}\n[sandbox] {message}\n"


@pytest.mark.parametrize("stream,field", [("1", "stdout"), ("2", "stderr")])
def test_25_bytes_that_come_one_by_one(server, stream, field):
    answer = attack(server, "25_split.py", [stream, "slowly"])
    assert_answer(answer)
    assert answer[field] == "é€😀" * 100


def test_26_writing_after_the_end_delays_nothing(server):
    answer = attack(server, "26_late_writer.py")
    assert verdict(answer) == ENDED and answer["stderr"] == ""
    assert answer["stdout"] in ("main\n", "main\nlate\n")


def test_27_a_program_without_streams(server):
    answer = attack(server, "27_streams.py", ["closed"], stdin="never read")
    assert_answer(answer, (3, None, None, None), "")
    assert answer["stderr"] == "" and names(answer) == ["result.txt"]
    assert server.download(answer["files"][0]).body == b"0"


@pytest.mark.parametrize("how,stdout", [("half", "100000\n"), ("unread", "unread\n"), ("held", "main\n")])
def test_27_input_that_nobody_reads(server, how, stdout):
    assert_answer(attack(server, "27_streams.py", [how], stdin="x" * (4 << 20)), stdout=stdout)


def test_27_output_taken_back(server):
    answer = attack(server, "27_streams.py", ["stolen"])
    assert verdict(answer) == ENDED
    # Whoever reads first has it.
    assert (answer["stdout"], answer["stderr"]) in (("taken back kept\n", "0"), (" kept\n", "10"))


def test_27_flags_and_sizes_of_the_pipe_lose_nothing(server):
    assert_answer(attack(server, "27_streams.py", ["changed"]), stdout="x" * 50000)


def test_28_imitated_framing_is_output(server):
    answer = attack(server, "28_framing.py")
    assert verdict(answer) == (5, None, None, None) and answer["files"] == []
    # No descriptor beyond the three took anything; what looks like our line in stderr is only text.
    assert answer["stderr"] == "[sandbox] Time limit exceeded\n"
    forged = '{"end":"exit","code":0,"signal":0,"memory_peak":1,"wall_us":1,"cpu_us":1}'
    assert answer["stdout"] == (
        f"I\0\0\0\t\1\0\0\0{forged}\0\0\0I\t\0\0\0\1{forged}\r\0\0\0\4{chr(0) * 13}"
        '>>> RESPONSE_END <<<\n__PTC_TOOL_CALL__{"name":"x"}\n\n---END---\n'
        'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"}], "code": 0, "stdout": "0\r\n\r\n'
        "\n[sandbox] Out of memory\n\x1e\x1f\0\4")
