"""Attacks through the files that a program leaves behind (29–42).

Those on their names are in test_names.py.
"""

import os
import stat

import pytest
from attack import attack, outcomes
from expect import ENDED, assert_answer, verdict
from harness import by_name, names, reference, rootless

ATTACKS = {
    29: ("Symlinks to what is not the program's",
         "the harvest opens beneath the workspace and follows no link"),
    30: ("Directories and files swapped for links between look and open",
         "the harvest comes after the last death; `openat2` with `RESOLVE_BENEATH`, `NO_SYMLINKS`, "
         "`NO_MAGICLINKS`"),
    31: ("Hard links to inputs and to files outside",
         "mounts of their own (EXDEV), `protected_hardlinks`; inputs are copies, told apart by their hash"),
    32: ("FIFOs, sockets and devices as outputs", "only regular files are opened; no `CAP_MKNOD`, `nodev`"),
    33: ("Symlink loops, a mount in the tree", "no link is followed; no mount can be made"),
    34: ("Files that change while they are sent",
         "nothing runs any more; size and type are checked on the descriptor"),
    35: ("As many outputs as fit", "50 files, the first by name; the rest is counted in the answer"),
    39: ("Archives that unpack outside, or to too much",
         "the service unpacks nothing: an archive is a file like any other; unpacking happens in the cell"),
    40: ("Inputs changed behind an unchanged look", "inputs are compared by a digest of all their bytes under a key that only the cell's init has, not by size or time"),
    41: ("The same name again and again",
         "every object has an id of its own; of two equal names the last one wins"),
    42: ("Setuid bits, attributes, ACLs and capabilities on outputs",
         "an object is bytes and a name: inputs are made new, mode 0600"),
}
COVERED_BY = {31: ["src/jail/harvest_test.cc ASealedInputIsUnchangedWhateverHappensToIt"]}


def test_29_symlinks_lead_nowhere(server):
    answer = attack(server, "29_symlinks.sh")
    assert_answer(answer, stdout="")
    assert names(answer) == ["ok.txt", "real/inside.txt"]
    assert server.download(answer["files"][0]).body == b"honest\n"


@pytest.mark.parametrize("again", range(3))
def test_30_swaps_between_look_and_open(server, again):
    answer = attack(server, "30_swap.py", beside=not again)
    assert_answer(answer, stdout="")
    files = by_name(answer)
    assert "still.txt" in files
    # Wherever the names point when everything stops: one of the two is the directory.
    assert len([name for name in files if name.startswith(("d/", "trap/"))]) == 20, list(files)
    assert {server.download(file).body for file in files.values()} == {b"inside"}


def test_31_hard_links_give_nothing_away(server):
    inputs = server.exec_("bash", "echo input > input.txt; echo kept > kept.txt")["files"]
    answer = attack(server, "31_hard_links.py", files=[reference(file) for file in inputs])
    assert_answer(answer)
    *outside, tmp, rename, own = answer["stdout"].splitlines()
    assert len(outside) == 10
    for line in outside:
        refused = {"EXDEV", "EPERM", "ENOENT", "EACCES"}
        assert set(line.split()[1:]) <= refused, outside
    assert (tmp, rename, own) == ("tmp EXDEV", "rename EXDEV", "input ok ok")
    files = by_name(answer)
    assert list(files) == ["copy.txt", "input.txt", "kept.txt", "same.txt"]
    assert files["kept.txt"]["inherited"] and "inherited" not in files["same.txt"]
    assert files["input.txt"]["modified_from"]["id"] == inputs[0]["id"]
    assert server.download(files["input.txt"]).body == b"input\nchanged by another name"
    assert [server.download(file).body for file in inputs] == [b"input\n", b"kept\n"]


def test_32_special_files_are_neither_made_nor_opened(server):
    answer = attack(server, "32_special_files.c")
    found = outcomes(answer)
    # A character device 0:0 is overlayfs' mark for a removed file: it opens nothing, anybody may make one.
    assert found.pop("whiteout") in ("ok", "EPERM")
    assert found == {"fifo": "ok", "socket": "ok", "char": "EPERM", "block": "EPERM", "kmem": "EPERM"}
    assert names(answer) == ["ok.txt"]


def test_33_loops_end(server):
    answer = attack(server, "33_loops.sh")
    assert_answer(answer, stdout="")
    assert names(answer) == ["ok.txt", "tree/branch/leaf.txt"]


@pytest.mark.parametrize("again", range(3))
def test_34_files_that_change_until_the_end(server, again):
    answer = attack(server, "34_moving.py", beside=not again)
    assert_answer(answer, stdout="")
    bodies = {name: server.download(file).body for name, file in by_name(answer).items()}
    assert bodies.pop("still.txt") == b"still"
    assert set(bodies.pop("growing.txt", b"g")) <= set(b"g")
    assert bodies.pop("shrinking.txt", b"").strip(b"s\0") == b""
    moving = {name: body for name, body in bodies.items() if name.startswith("moving-")}
    assert list(moving.values()) == [b"moving"]
    # What is left of the tree that came and went is its file, or the mark of an empty directory.
    rest = set(bodies) - set(moving)
    assert len(rest) <= 1 and rest <= {"going/deep/x.txt", "going/deep/.dirkeep", "going/.dirkeep"}, rest


def test_35_a_hundred_thousand_outputs(server):
    answer = attack(server, "35_many.py")
    assert_answer(answer)
    reason, made = answer["stdout"].split()
    assert reason == "ENOSPC" and 19000 <= int(made) <= 20000
    exist = sorted(f"{n * 7919 % 100_000:05}.txt" for n in range(int(made)))
    assert names(answer) == exist[:50]
    report = answer["artifact_truncation"]
    assert report["reasons"] == ["max_files"] and report["skipped_count"] == int(made) - 50
    assert report["skipped"] == exist[50:70]


def test_39_archives_stay_files(server):
    made = attack(server, "39_archives.py")
    assert_answer(made, stdout="")
    archives = ["bomb.zip", "slip.tar.gz", "slip.zip"]
    assert names(made) == archives
    answer = attack(server, "39_archives.py", ["unpack"], files=[reference(file) for file in made["files"]])
    assert_answer(answer)
    held, escaped, bomb, mode = answer["stdout"].splitlines()
    assert held == str(sorted([*archives, "main.py"]))
    # What the tools of the cell unpack stays in the cell, and belongs to the program.
    assert (escaped, bomb, mode) == ("[]", "File too large", "0o6755 True")
    files = by_name(answer)
    assert [file["name"] for file in answer["files"] if file.get("inherited")] == archives
    assert not {"passwd.txt", "hard.txt", "null", "disk"} & set(files)


def test_40_what_looks_unchanged_is_compared_by_content(server):
    text = "for n in write map new link same; do echo contents > $n.txt; done"
    inputs = by_name(server.exec_("bash", text))
    answer = attack(server, "40_same_size.py", files=[reference(file) for file in inputs.values()])
    assert_answer(answer)
    lines = answer["stdout"].splitlines()
    assert lines[:4] == [f"{name}.txt True True" for name in ("write", "map", "new", "link")]
    files = by_name(answer)
    assert files.pop("same.txt") == {**inputs["same.txt"], "inherited": True}
    assert list(files) == ["link.txt", "map.txt", "new.txt", "write.txt"]
    for name, file in files.items():
        assert file["modified_from"]["id"] == inputs[name]["id"]
        assert server.download(file).body == b"conteBts\n"
        assert server.download(inputs[name]).body == b"contents\n"


def test_41_the_same_name_again(server):
    made = [attack(server, "41_same_name.sh", [text], beside=False)["files"][0]
            for text in ("first", "second")]
    assert made[0]["id"] != made[1]["id"]
    assert [server.download(file).body for file in made] == [b"first\n", b"second\n"]
    both = server.exec_("bash", "cat same.txt", files=[reference(file) for file in made])
    assert_answer(both, stdout="second\n")
    third = attack(server, "41_same_name.sh", ["third"], files=[reference(made[1])])
    assert_answer(third, stdout="second\n")
    assert third["files"][0]["modified_from"]["id"] == made[1]["id"]


def test_42_outputs_are_bytes_and_a_name(server):
    answer = attack(server, "42_bits.py")
    assert verdict(answer) == ENDED
    lines = answer["stdout"].splitlines()
    # What the file system of the cell lets an ordinary user set differs between kernels; root's it never is.
    assert {"security.capability EPERM", "trusted.note EPERM"} <= set(lines), lines
    chown = "chown EINVAL" if rootless() else "chown EPERM"  # an ordinary user's cell knows no other id
    assert [line for line in lines if line.startswith(("chown", "mode"))] == [chown, chown, "mode 0o6777"]
    assert names(answer) == ["plain.txt", "root.sh", "sticky/inside.txt"]
    look = ("import os\n"
            "for name in ('plain.txt', 'root.sh', 'sticky/inside.txt', 'sticky'):\n"
            "    st = os.stat(name)\n"
            "    print(name, oct(st.st_mode & 0o7777), st.st_uid == os.getuid(), os.listxattr(name))\n")
    after = server.exec_("py", look, files=[reference(file) for file in answer["files"]])
    assert_answer(after, stdout="plain.txt 0o600 True []\nroot.sh 0o600 True []\n"
                                "sticky/inside.txt 0o600 True []\nsticky 0o700 True []\n")
    for directory, _, files in os.walk(server.data_dir):
        for name in files:
            path = os.path.join(directory, name)
            assert stat.S_IMODE(os.stat(path).st_mode) & 0o7111 == 0, path
            assert not [attribute for attribute in os.listxattr(path) if "note" in attribute], path
