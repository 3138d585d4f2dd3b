"""The catalogue of attacks, by number: what exactly each one gets, and that nobody else notices.

Numbers and titles are those of the catalogue in the security model; the programs are in programs/, one file
each. Every attack() also runs ordinary programs beside and after the hostile one, and counts what is left on
the machine.
"""

import re
import secrets
import socket

import census
import pytest
from attack import assert_neighbour, assert_unharmed, attack, load, outcomes
from harness import by_name, names, sandbox_line
from waiting import Waiting

PROCESSES = 128
KILLED_BY_TIME = (137, "SIGKILL", "TO", "Time limit exceeded")
OUT_OF_MEMORY = (137, "SIGKILL", "SG", "Out of memory")
TOO_MUCH_OUTPUT = (137, "SIGKILL", "OL", "stdout length exceeded")
ENDED = (0, None, None, None)


def verdict(answer):
    return answer["code"], answer["signal"], answer["status"], answer["message"]


def assert_answer(answer, expected=ENDED, stdout=None):
    assert verdict(answer) == expected, answer
    assert stdout is None or answer["stdout"] == stdout, answer
    assert sandbox_line(answer) == ([expected[3]] if expected[3] else [])


# -- processes -----------------------------------------------------------------------------------------------

def test_01_fork_bomb_is_bounded(server):
    answer = attack(server, "01_fork_count.py")
    assert_answer(answer)
    reason, made = answer["stdout"].split()
    assert reason == "EAGAIN" and PROCESSES - 10 <= int(made) < PROCESSES


def test_01_fork_bomb_ends_at_the_wall_limit(server):
    assert_answer(attack(server, "01_fork_bomb.py", timeout=2000), KILLED_BY_TIME, "")


def test_01_fork_bomb_whose_client_leaves(server):
    bomb = Waiting(server, "wait_for_the_test()\n" + load("01_fork_bomb.py")[1], timeout=25000)
    bomb.release()
    assert_neighbour(server)
    bomb.hang_up()
    assert_unharmed(server)


def test_02_double_forked_daemons_do_not_survive(server):
    assert_answer(attack(server, "02_walking_daemons.c"), stdout="walking=20\n")


def test_03_daemon_that_ignores_every_signal_does_not_survive(server):
    assert_answer(attack(server, "03_deaf_daemon.py"), stdout="daemon runs\n")


def test_05_zombies_count_as_processes(server):
    answer = attack(server, "05_zombies.c")
    assert_answer(answer)
    reason, made = answer["stdout"].split()
    assert reason == "EAGAIN" and PROCESSES - 10 <= int(made) < PROCESSES


def test_07_sleep_past_the_wall_limit(server):
    answer = attack(server, "07_sleep.sh", timeout=1000)
    assert_answer(answer, KILLED_BY_TIME, "")
    assert answer["cpu_time"] < 1000


def test_09_stopped_programs_end_at_the_wall_limit(server):
    assert_answer(attack(server, "09_stop.c", timeout=2000), KILLED_BY_TIME, "stopping\n")


@pytest.mark.parametrize("how,expected", [
    ("137", (137, None, None, None)), ("124", (124, None, None, None)), ("139", (139, None, None, None)),
    ("255", (255, None, None, None)), ("SIGKILL", (137, "SIGKILL", None, None)),
    ("SIGTERM", (143, "SIGTERM", None, None)),
    ("SIGABRT", (134, "SIGABRT", None, None)), ("SIGQUIT", (131, "SIGQUIT", None, None)),
    ("SIGXCPU", (152, "SIGXCPU", None, None)), ("segv", (139, "SIGSEGV", None, None))])
def test_12_endings_are_told_apart(server, how, expected):
    answer = attack(server, "12_endings.py", [how], beside=False)
    assert verdict(answer) == expected
    assert answer["stderr"] == "" and answer["files"] == []


# -- memory and storage --------------------------------------------------------------------------------------

@pytest.mark.parametrize("how", ["slowly", "children", "shared"])
def test_13_memory_bomb_is_confined_and_reported(server, how):
    assert_answer(attack(server, "13_memory.py", [how]), OUT_OF_MEMORY, "")


def test_13_full_disk_is_no_reason_to_be_killed(server):
    answer = attack(server, "13_memory.py", ["disk"])
    assert_answer(answer)
    (error, written), (held,) = (line.split() for line in answer["stdout"].splitlines())
    assert (error, held) == ("28", "200") and 450 <= int(written) <= 512


@pytest.mark.parametrize("directory", ["/mnt/data", "/tmp", "/dev/shm"])
def test_15_disk_fill_meets_the_quota(server, directory):
    answer = attack(server, "15_fill_disk.py", [directory])
    assert_answer(answer)
    total, *rest = answer["stdout"].splitlines()
    megabytes, *reasons = total.split()
    assert 450 <= int(megabytes) <= 512 and reasons == ["EFBIG", "ENOSPC"]
    assert rest == [f"{other} (0, 'ENOSPC')" for other in ("/mnt/data", "/tmp", "/dev/shm")]
    assert names(answer) == ["after.txt"]
    assert server.download(answer["files"][0]).body == b"room again"


def test_16_inodes_are_limited(server):
    answer = attack(server, "16_inodes.py")
    assert_answer(answer)
    reason, made = answer["stdout"].split()
    assert reason == "ENOSPC" and 19000 <= int(made) <= 20000


def test_20_what_is_locked_and_in_use_is_harvested_and_removed(server):
    answer = attack(server, "20_stubborn.py")
    assert_answer(answer)
    assert set(answer["stdout"].split()) <= {"EPERM", "ENOTTY", "EOPNOTSUPP"}
    files = by_name(answer)
    assert list(files) == ["closed/inside.txt", "held.txt", "secret.txt"]
    assert server.download(files["held.txt"]).body == b"mapped".ljust(4096, b"\0")
    assert server.download(files["secret.txt"]).body == b"secret"
    assert server.download(files["closed/inside.txt"]).body == b"inside"


# -- output --------------------------------------------------------------------------------------------------

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


# -- output files --------------------------------------------------------------------------------------------

def test_29_symlinks_lead_nowhere(server):
    answer = attack(server, "29_symlinks.sh")
    assert_answer(answer, stdout="")
    assert names(answer) == ["ok.txt", "real/inside.txt"]
    assert server.download(answer["files"][0]).body == b"honest\n"


def test_32_special_files_are_neither_made_nor_opened(server):
    answer = attack(server, "32_special_files.c")
    found = outcomes(answer)
    # A character device 0:0 is overlayfs' mark for a removed file: it opens nothing, anybody may make one.
    assert found.pop("whiteout") in ("ok", "EPERM")
    assert found == {"fifo": "ok", "socket": "ok", "char": "EPERM", "block": "EPERM", "kmem": "EPERM"}
    assert names(answer) == ["ok.txt"]


# -- kernel surface ------------------------------------------------------------------------------------------

def test_43_no_new_namespaces(server):
    found = outcomes(attack(server, "43_namespaces.c"))
    assert found.pop("fork") == "7"
    assert not [name for name in found if name.startswith("leaked.")], found
    kinds = {"newns", "newcgroup", "newuts", "newipc", "newuser", "newpid", "newnet", "newtime"}
    for call in ("unshare", "clone", "clone_high", "clone3", "setns", "setns_high"):
        tried = {name.split(".")[1]: result for name, result in found.items() if name.startswith(call + ".")}
        expected = "ENOSYS" if call == "clone3" else "EPERM"
        missing = {"newtime"} if call in ("clone", "clone_high") else set()
        assert kinds - set(tried) == missing
        assert set(tried.values()) == {expected}, tried


def test_44_no_mounts(server):
    found = outcomes(attack(server, "44_mounts.c"))
    unknown = {"open_tree_attr", "unknown.1000", "unknown.4095"}
    assert {name: found.pop(name) for name in unknown} == dict.fromkeys(unknown, "ENOSYS")
    assert len(found) == 16 and set(found.values()) == {"EPERM"}, found


def test_46_no_doors_into_the_kernel(server):
    found = outcomes(attack(server, "46_kernel_surface.c"))
    for name, result in found.items():
        assert result == ("ENOSYS" if name.startswith("io_uring") else "EPERM"), found
    assert len(found) == 13


def test_56_no_sockets_but_local_ones(server):
    found = outcomes(attack(server, "56_sockets.c"))
    local = {name: found.pop(name) for name in ("unix.pair", "unix.bind", "unix.listen", "unix.connect",
                                                "high.unix")}
    assert set(local.values()) == {"ok"}, local
    assert len(found) == 63 * 6 + 2 and set(found.values()) == {"EPERM"}, found


# -- what a program may know ---------------------------------------------------------------------------------

UNREADABLE = ["/proc/1/environ", "/proc/1/maps", "/proc/1/mem", "/proc/1/fd", "/proc/1/cwd/etc/passwd",
              "/proc/1/root/etc/passwd", "/proc/kallsyms", "/proc/config.gz", "/proc/kcore", "/proc/kmsg",
              "/proc/cmdline",
              "/proc/cgroups", "/proc/modules", "/proc/keys", "/etc/shadow", "/etc/resolv.conf",
              "/sys/class/dmi/id/product_name", "/dev/kmsg", "/dev/mem", "/root/.ssh/id_rsa"]


def hidden(needle):
    """How a needle is handed to the program that looks for it."""
    return needle.encode()[::-1].hex()


def host_file(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


@pytest.fixture(scope="module")
def with_secrets(make_module_server):
    canary, key = (secrets.token_hex(16) for _ in range(2))
    it = make_module_server({"CODEAPI_TEST_CANARY": canary, "AWS_SECRET_ACCESS_KEY": key})
    it.secrets = {"canary": canary, "key": key}
    return it


def test_54_nothing_of_the_host_can_be_read(with_secrets):
    it = with_secrets
    # Other people's code and data, which must not be readable either.
    other = "other-" + secrets.token_hex(12)
    it.exec_("bash", f"echo {other} > {other}.txt; cp {other}.txt /tmp")
    needles = {**it.secrets, "data directory": str(it.directory), "other program": other,
               "machine id": host_file("/etc/machine-id"), "kernel command line": host_file("/proc/cmdline")}
    needles = {name: needle for name, needle in needles.items() if len(needle) >= 8}
    answer = attack(it, "54_read_everything.py", [hidden(needle) for needle in needles.values()],
                    beside=False)
    assert verdict(answer) == ENDED and answer["stderr"] == "", answer
    lines = answer["stdout"].splitlines()
    found = [line for line in lines if line.startswith("FOUND")]
    assert not found, (found, list(needles))
    facts = dict(line.split(" ", 1) for line in lines)
    assert int(facts["read"]) > 50, "the program read next to nothing: then it proves nothing"
    readable = {path: facts[path] for path in UNREADABLE if facts[path].isdigit() and facts[path] != "0"}
    assert not readable
    assert facts["nodename"] != socket.gethostname()
    assert facts["cgroups"] in ("['/']", "[]")
    assert facts["pids"] in ("[]", "[1]")


# -- across cells --------------------------------------------------------------------------------------------

def test_60_two_programs_at_once_see_nothing_of_each_other(server):
    mark = "mark-" + secrets.token_hex(8)
    first = Waiting(server, load("60_plant.py")[1], args=[mark])
    try:
        answer = server.exec_("py", load("60_look.py")[1], args=[mark[::-1]])
        assert_answer(answer, stdout="abstract ECONNREFUSED\nfound []\n")
    finally:
        first.release()
    reply = first.reply()
    assert reply.status == 200 and verdict(reply.json) == ENDED and reply.json["stderr"] == "", reply
    assert_unharmed(server)


def test_62_the_next_program_inherits_nothing(make_module_server):
    it = make_module_server({"SANDBOX_MAX_CONCURRENT_JOBS": 1, "CODEAPI_POOL_SIZE": 1})
    mark = "mark-" + secrets.token_hex(8)
    left = it.exec_("py", load("62_leave.py")[1], args=[mark])
    assert verdict(left) == ENDED, left
    used = left["stdout"].split()[1]
    seen = set()
    # As many executions as there are user ids, so that the first one's is used again.
    for _ in range(80):
        answer = it.exec_("py", load("62_inherit.py")[1], args=[mark[::-1]])
        facts = dict(line.split(" ", 1) for line in answer["stdout"].splitlines())
        assert (facts["left"], facts["umask"]) == ("[]", "0o77"), answer
        assert answer["memory"] < left["memory"] / 2
        seen.add(facts["uid"])
        if used in seen:
            break
    assert used in seen, f"the user id {used} was not used again; seen: {sorted(seen)}"
    assert_unharmed(it)
