"""Attacks through the files that a program leaves behind (29–42)."""

from attack import attack, outcomes
from expect import assert_answer
from harness import names


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
