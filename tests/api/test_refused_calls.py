"""CODEAPI_SECCOMP=log: refused as ever, and the operator learns which calls of which runtime."""

import json

import pytest
from harness import StartFailed, until

PROGRAM = """
import ctypes, errno, socket
libc = ctypes.CDLL(None, use_errno=True)
def answer(*call):
    return errno.errorcode[ctypes.get_errno()] if libc.syscall(*call) < 0 else "ok"
print(answer(250, 0, -3, 1), answer(250, 0, -3, 1), answer(9999))
print(answer(16, 0, 0x40086602, 0), answer(157, 22, 2, 0))
try:
    socket.socket()
except PermissionError as error:
    print(errno.errorcode[error.errno])
"""
ANSWERS = "EPERM EPERM ENOSYS\nENOTTY ENOSYS\nEPERM\n"
KEYCTL_IN_NODE = "require('child_process').execFileSync('/usr/bin/python3', ['-c', process.argv[2]])"
KILLED = "import ctypes; ctypes.CDLL(None).syscall(169, 0, 0, 0, 0)"


@pytest.fixture(scope="module")
def logging(make_module_server):
    return make_module_server({"CODEAPI_SECCOMP": "log"})


def events(server, execution, event):
    """The log's lines of one kind about one execution, once its end is there as well."""
    def lines():
        found = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
        found = [line for line in found if line.get("execution") == execution]
        return found if any(line["event"] == "execution ended" for line in found) else None
    return [line for line in until(lines, "the end of the execution is in the log") if line["event"] == event]


def refused(server, answer):
    return {line["call"]: line for line in events(server, answer["session_id"], "system call refused")}


def test_refusals_are_named_counted_and_still_refusals(server, logging):
    enforced, logged = server.exec_("py", PROGRAM), logging.exec_("py", PROGRAM)
    for answer in (enforced, logged):
        assert (answer["code"], answer["stdout"], answer["stderr"]) == (0, ANSWERS, ""), answer
    lines = events(logging, logged["session_id"], "system call refused")
    members = ("number", "answer", "count", "argument")
    found = {line["call"]: tuple(line[member] for member in members) for line in lines}
    assert len(found) == len(lines) and {line["runtime"] for line in lines} == {"py"}
    assert found == {"keyctl": (250, "EPERM", 2, ""), "unknown": (9999, "ENOSYS", 1, ""),
                     "ioctl": (16, "ENOTTY", 1, "0x40086602"), "prctl": (157, "ENOSYS", 1, "0x16"),
                     "socket": (41, "EPERM", 1, "0x2")}
    assert refused(server, enforced) == {}


def test_the_runtime_is_the_executions_and_children_count(logging):
    keyctl = "import ctypes; ctypes.CDLL(None).syscall(250, 0, -3, 1)"
    answer = logging.exec_("js", KEYCTL_IN_NODE, args=[keyctl])
    assert (answer["code"], answer["stderr"]) == (0, ""), answer
    line = refused(logging, answer)["keyctl"]
    assert (line["runtime"], line["count"]) == ("js", 1)


@pytest.mark.parametrize("mode", ["server", "logging"])
def test_a_killing_call_kills_in_both_modes(mode, request):
    it = request.getfixturevalue(mode)
    answer = it.exec_("py", KILLED)
    assert (answer["code"], answer["signal"]) == (159, "SIGSYS"), answer
    line, = events(it, answer["session_id"], "program killed for a system call")
    assert line["runtime"] == "py"


def test_a_flood_from_every_thread_is_counted_and_ends_in_time(logging):
    flood = ("import ctypes, threading\n"
             "call = ctypes.CDLL(None).syscall\n"
             "def flood():\n"
             "    while True: call(250, 0, -3, 1)\n"
             "for _ in range(50): threading.Thread(target=flood).start()\n")
    answer = logging.exec_("py", flood, timeout=1500)
    assert (answer["code"], answer["status"]) == (137, "TO"), answer
    assert refused(logging, answer)["keyctl"]["count"] > 100
    assert logging.exec_("bash", "echo fine")["stdout"] == "fine\n"


def test_an_endless_list_of_calls_fills_no_log(logging):
    code = "import ctypes\nfor number in range(5000, 9000): ctypes.CDLL(None).syscall(number)"
    answer = logging.exec_("py", code)
    assert answer["code"] == 0, answer
    told = lambda: events(logging, answer["session_id"], "system call refused")
    until(lambda: sum(line["count"] for line in told()) == 4000, "every call is told of")
    lines = told()
    assert 30 <= len(lines) <= 32
    others, = [line for line in lines if line["call"] == "others"]
    assert others["count"] + sum(line["count"] for line in lines if line["call"] == "unknown") == 4000


def test_a_program_that_leaves_while_others_ask_is_not_waited_for(logging):
    leave = ("import ctypes, os\n"
             "call = ctypes.CDLL(None).syscall\n"
             "for _ in range(20):\n"
             "    if os.fork() == 0:\n"
             "        while True: call(250, 0, -3, 1)\n"
             "print('gone')\n")
    answer = logging.exec_("py", leave)
    assert (answer["code"], answer["stdout"], answer["status"]) == (0, "gone\n", None), answer


def test_another_word_is_no_mode(make_server):
    with pytest.raises(StartFailed, match="CODEAPI_SECCOMP"):
        make_server({"CODEAPI_SECCOMP": "off"})
