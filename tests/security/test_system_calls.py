"""Every system call, by every door, with hostile arguments, against the list in system_calls.txt."""

import pathlib

import pytest
from attack import attack, outcomes

LIST = pathlib.Path(__file__).resolve().parent / "system_calls.txt"
LAST = 1100
SETS = 8
# Two calls that newer kernels let through unseen by any filter, since only the kernel's own trampolines make
# them: uretprobe and uprobe. Whoever else makes them gets this from the kernel itself.
UNFILTERED = {335: "SIGILL", 336: "ENXIO"}
# What passes, and still answers like a refusal: setgroups without the privilege, mlock where nothing may be
# locked, and arch_prctl because none of its few requests is among the arguments of the walk.
SILENT = {"setgroups", "mlock", "arch_prctl"}
# What waits for ever with some of the arguments; the walk ends it after a moment. See waits() in the program.
WAITING = {"pause", "select", "pselect6", "ppoll", "msgrcv"}
REFUSALS = {"ENOSYS", "EPERM", "SIGSYS"}


def verdicts():
    """The checked-in list: number -> (name, verdict)."""
    rows = [line.split(None, 3) for line in LIST.read_text().splitlines() if not line.startswith("#")]
    table = {int(number): (name, verdict) for number, name, verdict, *_ in rows}
    assert len(table) == len(rows) and list(table) == sorted(table)
    return table


@pytest.fixture(scope="module")
def walk(server):
    """The lines of the walk by their first word."""
    answer = attack(server, "49_syscall_walk.c", timeout=120000, beside=False)
    assert (answer["code"], answer["status"], answer["stderr"]) == (0, None, ""), answer
    lines = [line.split() for line in answer["stdout"].splitlines()]
    return {kind: [line[1:] for line in lines if line[0] == kind] for kind in ("native", "high", "masked")}


@pytest.fixture(scope="module")
def native(walk):
    """number -> the outcomes, one per set of arguments."""
    found = {int(number): set(results) for number, *results in walk["native"]}
    assert all(len(results) in (1, SETS) for _, *results in walk["native"])
    assert set(range(LAST + 1)) <= set(found) and len(found) == len(walk["native"])
    return found


def test_49_nothing_outside_the_list_passes(native):
    table = verdicts()
    wrong = {}
    for number, found in native.items():
        name, verdict = table.get(number, (str(number), "ENOSYS"))
        if verdict in REFUSALS:
            if not found <= {verdict, UNFILTERED.get(number, verdict)}:
                wrong[name] = found
    assert not wrong


def test_49_what_is_on_the_list_reaches_the_kernel(native):
    """Or the walk would prove nothing: an errno that no filter of ours gives has come from the kernel."""
    table = verdicts()
    passing = {number: name for number, (name, verdict) in table.items() if verdict in ("pass", "some")}
    assert len(passing) > 200
    silent = {name for number, name in passing.items() if native[number] <= REFUSALS}
    assert silent == SILENT


def test_49_pretended_calls_do_nothing(native):
    pretended = {name: native[number] for number, (name, verdict) in verdicts().items()
                 if verdict == "pretended"}
    assert pretended == {"sync": {"ok"}, "syncfs": {"ok"}}


def test_49_only_what_is_known_to_wait_has_waited(native):
    names = {number: name for number, (name, _) in verdicts().items()}
    assert {names[number] for number, found in native.items() if "SIGALRM" in found} == WAITING


def test_49_upper_bits_of_the_number_change_nothing(walk):
    assert walk["high"] == []


def test_49_upper_bits_of_an_argument_change_nothing(walk):
    found = {name: set(results) for name, *results in walk["masked"]}
    assert len(found) == len(walk["masked"])
    expected = {f"{call}.{family}": {"EPERM"} for call in ("socket", "socketpair") for family in range(64)}
    expected["socket.1"], expected["socketpair.1"] = {"ESOCKTNOSUPPORT"}, {"EFAULT"}
    kinds = ("ns", "cgroup", "uts", "ipc", "user", "pid", "net")
    expected.update({f"clone.new{kind}": {"EPERM"} for kind in kinds})
    expected.update({f"ioctl.{name}": {"EPERM"} for name in ("TIOCSTI", "TIOCLINUX", "TIOCSETD")})
    expected.update({f"{name}.init": {"EPERM"} for name in ("prlimit64", "sched_setaffinity", "setpriority")})
    expected["fcntl.NOTIFY"] = {"EPERM"}
    expected.update({f"ioctl.{name}": {"ENOTTY"} for name in ("FS_IOC_SETFLAGS", "SIOCGIFCONF")})
    expected.update({f"futex.{name}": {"ENOSYS"} for name in ("LOCK_PI", "WAIT_REQUEUE_PI")})
    expected.update({f"prctl.SET_{name}": {"ENOSYS"} for name in ("SECCOMP", "MM", "MEMORY_MERGE")})
    expected.update({"ioctl.TCGETS": {"EBADF"}, "sendto.OOB": {"EOPNOTSUPP"}, "recvmsg.OOB": {"EOPNOTSUPP"},
                     "madvise.MERGEABLE": {"EINVAL"}, "personality.ADDR_NO_RANDOMIZE": {"ENOSYS"}})
    assert found == expected


def test_48_every_foreign_call_kills(server):
    found = outcomes(attack(server, "48_foreign_calls.c", beside=False))
    doors = ("x32", "x32_high", "negative", "interrupt", "interrupt_high")
    assert found == {f"{door}.SIGSYS": str(LAST + 1) for door in doors}
