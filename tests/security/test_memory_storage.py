"""Attacks on memory and storage (13–22)."""

import pytest
from attack import attack
from expect import assert_answer, out_of_memory
from harness import by_name, names


@pytest.mark.parametrize("how", ["slowly", "children", "shared"])
def test_13_memory_bomb_is_confined_and_reported(server, how):
    assert_answer(attack(server, "13_memory.py", [how]), out_of_memory(server), "")


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
