"""Attacks on memory and storage (13–22)."""

import pytest
from attack import attack, outcomes
from expect import ENDED, assert_answer, out_of_memory, verdict
from harness import by_name, names, reference

ATTACKS = {
    13: ("Memory bomb: slow, by children, shared, on the work directory",
         "memory limit of the cell's cgroup, and an end of the whole cell with a verdict; room on "
         "disk is extra"),
    14: ("Memory that no process maps: pipes, sockets, descriptors in flight, `memfd`, System V and "
         "POSIX IPC",
         "kernel memory is charged to the cell's cgroup; IPC namespace; a user id per cell for what "
         "is counted so"),
    15: ("Filling `/mnt/data`, `/tmp`, `/dev/shm`",
         "one tmpfs with a size behind all three; the rest is read-only"),
    16: ("A million files", "the tmpfs has a number of inodes"),
    17: ("Thousands of directories deep, names of 255 bytes, paths beyond `PATH_MAX`",
         "the harvest has a depth, works on descriptors, and says what it left out; the tmpfs goes as"
         " a whole"),
    18: ("Sparse files of terabytes", "`RLIMIT_FSIZE`; the harvest compares sizes before it hashes"),
    19: ("`fallocate`, `copy_file_range`, `sendfile`, `splice`, holes",
         "the tmpfs counts pages, whoever asks for them"),
    20: ("What is closed, locked, mapped and held open at the end",
         "the harvest comes after the last death, and reads as root of the cell"),
    21: ("Every descriptor that can be had",
         "`RLIMIT_NOFILE` and the process limit; `close_range` before each program"),
    22: ("Core files as outputs, signals for files too large", "`RLIMIT_CORE`; `core_pattern` is covered"),
}


@pytest.fixture(scope="module")
def small(make_module_server):
    """Little memory and a small work directory, so that both are full soon."""
    return make_module_server({"SANDBOX_RUN_MEMORY_LIMIT": 96 << 20, "CODEAPI_WORKSPACE_BYTES": 16 << 20})


@pytest.mark.cgroups
@pytest.mark.parametrize("how", ["slowly", "children", "shared"])
def test_13_memory_bomb_is_confined_and_reported(server, how):
    assert_answer(attack(server, "13_memory.py", [how]), out_of_memory(server), "")


def test_13_full_disk_is_no_reason_to_be_killed(server):
    answer = attack(server, "13_memory.py", ["disk"])
    assert_answer(answer)
    (error, written), (held,) = (line.split() for line in answer["stdout"].splitlines())
    assert (error, held) == ("28", "200") and 450 <= int(written) <= 512


@pytest.mark.cgroups
# On a kernel with Landlock, POSIX queues are files outside of what may be written; on others they are few.
@pytest.mark.parametrize("how,ends", [
    ("pipes", {"EMFILE"}), ("sockets", None), ("flying", None), ("memfd", None), ("shm", None),
    ("messages", None), ("mq", {"EACCES", "EMFILE"})])
def test_14_memory_that_nobody_maps_is_charged(small, how, ends):
    answer = attack(small, "14_kernel_memory.py", [how], beside=False)
    if ends is None:
        assert_answer(answer, out_of_memory(small), "")
    else:
        assert_answer(answer)
        reason, held = answer["stdout"].split()
        # One user's pipes have 64 MiB between them, and a page each beyond.
        assert reason in ends and int(held) <= 64 + 8
    # It has all come back: the next one gets as much.
    assert_answer(small.exec_("py", "print(len(b'x' * (64 << 20)))"), stdout=f"{64 << 20}\n")


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


def test_17_deep_trees_and_long_names(server):
    answer = attack(server, "17_deep.py")
    assert_answer(answer, stdout="File name too long\nTrue\n5000\n")
    assert names(answer) == ["n" * 251 + ".txt", "ok.txt"]
    report = answer["artifact_truncation"]
    assert (report["reasons"], report["skipped_count"]) == (["depth"], 2)
    assert report["skipped"][0] == "deep" + "/d" * 10 + "/"
    assert all(len(name) <= 1024 for name in report["skipped"])


def test_18_sparse_files_count_as_large_as_they_look(server):
    made = server.exec_("bash", "echo small > input.txt")["files"][0]
    answer = attack(server, "18_sparse.py", ["input.txt"], files=[reference(made)])
    assert_answer(answer, stdout="terabyte.txt EFBIG\npetabyte.txt EFBIG\nlargest.txt True\nover.txt EFBIG\n"
                                 "returned.txt True\nseek.txt EFBIG\ninput.txt False\n")
    assert names(answer) == ["returned.txt"]
    assert server.download(answer["files"][0]).body == bytes((1 << 20) - 3) + b"end"
    report = answer["artifact_truncation"]
    assert (report["reasons"], report["skipped"]) == (["size"], ["input.txt", "largest.txt"])
    assert server.download(made).body == b"small\n"
    # Neither was read: what is only a hole would have become memory or time.
    assert answer["memory"] < 64 << 20


def test_19_no_call_gets_past_the_quota(small):
    found = outcomes(attack(small, "19_past_the_quota.c", beside=False))
    assert found.pop("splice") in ("ENOSPC 16", "ENOSYS 1")
    full = ("fallocate", "keep_size", "copy_file_range", "sendfile")
    assert {name: found.pop(name) for name in full} == {
        "fallocate": "ENOSPC 15", "keep_size": "ENOSPC 15", **dict.fromkeys(full[2:], "ENOSPC 16")}
    assert found == {"start": "0", "first": "ok", "holes": "8", "huge": "EFBIG", "huge.keep_size": "EFBIG",
                     "collapse": "EOPNOTSUPP", "insert": "EOPNOTSUPP", "huge.truncate": "EFBIG", "end": "0"}


def test_20_what_is_locked_and_in_use_is_harvested_and_removed(server):
    answer = attack(server, "20_stubborn.py")
    assert_answer(answer)
    assert set(answer["stdout"].split()) <= {"EPERM", "ENOTTY", "EOPNOTSUPP"}
    files = by_name(answer)
    assert list(files) == ["closed/inside.txt", "held.txt", "secret.txt"]
    assert server.download(files["held.txt"]).body == b"mapped".ljust(4096, b"\0")
    assert server.download(files["secret.txt"]).body == b"secret"
    assert server.download(files["closed/inside.txt"]).body == b"inside"


def test_21_descriptors_run_out_for_their_owner_only(server):
    found = outcomes(attack(server, "21_descriptors.c", ["all"]))
    # 0, 1, 2 and the two ends of a pipe are open already.
    assert found.pop("inotify") in ("EMFILE 128", "EMFILE 2043")
    assert found == dict.fromkeys(("file", "epoll", "event", "timer", "memfd"), "EMFILE 2043")


def test_21_the_next_program_begins_with_three(server):
    assert attack(server, "21_descriptors.c", ["list"])["stdout"] == "0 1 2 \n"
    code = "import os; print([fd for fd in range(4096) if os.path.lexists(f'/proc/self/fd/{fd}')])"
    assert server.exec_("py", code)["stdout"] == "[0, 1, 2]\n"


def test_22_no_core_files(server):
    with open("/proc/sys/kernel/core_pattern", encoding="utf-8") as file:
        pattern = file.read()
    answer = attack(server, "22_cores.c")
    assert verdict(answer) == ENDED
    lines = answer["stdout"].splitlines()
    crashes = [line for line in lines if line.startswith("crash=")]
    assert crashes == ["crash=SIGSEGV", "crash=SIGABRT", "crash=SIGQUIT", "crash=SIGSYS", "crash=SIGBUS"]
    found = dict(line.split("=") for line in lines if not line.startswith("crash="))
    dumped = {name: found.pop(name) for name in list(found) if name.startswith("dumped.")}
    assert len(dumped) == 5 and set(dumped.values()) == {"0"}
    # The pattern is covered by /dev/null, which anybody may open where Landlock does not forbid it.
    assert found.pop("pattern") in ("ok", "EACCES")
    assert found == {"limit": "0 0", "unlimited": "EPERM", "page": "EPERM", "of_init": "EPERM",
                     "pipe_limit": "EACCES", "written": "4096", "over": "SIGXFSZ"}
    assert names(answer) == ["big.txt"]
    with open("/proc/sys/kernel/core_pattern", encoding="utf-8") as file:
        assert file.read() == pattern
