"""Attacks from one execution on another, beside it or after it (60–65)."""

import json
import os
import secrets
import subprocess
import threading

import pytest
from attack import assert_unharmed, attack, load
from expect import ENDED, assert_answer, verdict
from harness import Server, StartFailed, binary, clean_environment, reference, rootless
from waiting import Waiting

ATTACKS = {
    60: ("Seeing another execution: processes, files, IPC, local sockets",
         "namespaces and a tmpfs of each cell's own"),
    61: ("Signalling through locks and watches on shared files",
         "with `CODEAPI_ROOT_SHARING=private` an overlay of each cell's own over the root; always: leases, write "
         "locks, `F_NOTIFY`, `fanotify` and `/proc/locks` are closed. **Open by default:** `flock`, read locks and "
         "inotify on the read-only files that cells share; **always:** `flock` on an eventfd"),
    62: ("What the last one left",
         "a cell is used once; the user id has no file and no process when it comes again"),
    63: ("Start-up files and patched interpreters",
         "a fresh interpreter in a fresh cell, with our own environment"),
    64: ("Saved state that runs when it is read",
         "the service reads no state: files are bytes, and only a program opens them"),
    65: ("Twins with the same random numbers",
         "what is random is drawn anew in every program; hash seed and address layout are new for every program with `CODEAPI_WARM=off`, else shared for a while by Python programs that are forked from one interpreter"),
}


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
    # At its start the server has more cells than later, and the highest user ids are not used again for long.
    for _ in range(5):
        it.exec_("bash", "true")
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


# Of every mount of the root one: programs, what is made for cells, devices, and directories.
SEEN_BY_ALL = ["/", "/usr", "/usr/bin", "/usr/bin/env", "/usr/lib/python3.11/os.py", "/etc", "/etc/hosts",
               "/etc/ld.so.cache", "/dev", "/dev/null", "/dev/urandom", "/proc/cpuinfo"]


@pytest.fixture(scope="module")
def private(make_module_server):
    """A server whose cells have files of their own."""
    if rootless():
        pytest.skip("needs root")
    return make_module_server({"CODEAPI_ROOT_SHARING": "private"})


@pytest.fixture(scope="module")
def in_shared_root(server):
    return on_files(server)


@pytest.fixture(scope="module")
def in_private_root(private):
    return on_files(private)


def on_files(server):
    """What one program may do to files that all see, and what another one notices: two dicts."""
    first = Waiting(server, load("61_hold.py")[1], args=SEEN_BY_ALL)
    try:
        answer = server.exec_("py", load("61_look.py")[1], args=SEEN_BY_ALL)
    finally:
        first.release()
    reply = first.reply()
    assert reply.status == 200 and verdict(reply.json) == verdict(answer) == ENDED, (reply, answer)
    assert_unharmed(server)
    return [dict(line.split(" ", 1) for line in text.splitlines()) for text in (reply.json["stdout"],
                                                                               answer["stdout"])]


@pytest.mark.parametrize("sharing", ["in_shared_root", "in_private_root"])
def test_61_locks_and_watches_that_are_refused(request, server, sharing):
    held, _ = request.getfixturevalue(sharing)
    assert {name: held[name] for name in ("write", "lease", "dnotify", "fanotify")} == {
        "write": "EBADF", "lease": "EACCES", "dnotify": "EPERM", "fanotify": "EPERM"}
    assert held["events"].split()[1] == "False"
    assert server.exec_("bash", "cat /proc/locks")["stdout"] == ""


def test_61_nothing_passes_between_private_roots(in_private_root):
    held, seen = in_private_root
    # Or there would be nothing to notice.
    assert {name: held[name] for name in ("flock", "read", "inotify")} == {"flock": "ok", "read": "ok", "inotify": "ok"}
    assert {path: seen[path] for path in SEEN_BY_ALL} == {path: "free free" for path in SEEN_BY_ALL}
    assert held["events"].split()[0] == "False"


def test_61_in_a_shared_root_files_are_a_channel(in_shared_root):
    """What docs/security.md says of the default, and the proof that the test above can fail."""
    held, seen = in_shared_root
    assert seen["/usr/bin/env"] == seen["/etc/hosts"] == "EAGAIN taken"
    assert held["events"].split()[0] == "True"


@pytest.mark.xfail(strict=True, reason="all eventfds of a machine are one inode to the kernel, and their locks one lock")
def test_61_nothing_passes_by_locks_on_what_is_no_file(in_private_root):
    held, seen = in_private_root
    assert held["eventfd"] == "ok" and seen["eventfd"] == "free"


def test_61_a_private_root_is_like_a_shared_one(server, private):
    """Names, owners, modes and links of all that cells see; and each cell's mounts tell only of the root."""
    code = ("find / \\( -path /proc -o -path /mnt -o -path /tmp -o -path /dev/shm \\) -prune -o "
            "-printf '%p %U:%G %m %l\\n' | LC_ALL=C sort | sha256sum; echo x > /dev/null; head -c 2 /dev/zero | wc -c")
    shared, own = (it.exec_("bash", code) for it in (server, private))
    assert own["stdout"] == shared["stdout"] and verdict(own) == verdict(shared) == ENDED
    mounts = private.exec_("bash", "grep overlay /proc/mounts; touch /usr/x; mknod /dev/x c 1 3")
    assert "/ overlay ro,nosuid,nodev" in mounts["stdout"] and "upperdir" not in mounts["stdout"]
    assert mounts["stderr"].count("Read-only file system") + mounts["stderr"].count("not permitted") == 2, mounts
    modules = "import numpy, sqlite3, ssl; print(sqlite3.connect('a.db').execute('select 1').fetchall())"
    assert private.exec_("py", modules)["stdout"] == "[(1,)]\n"


def test_61_a_private_root_that_cannot_be_had_stops_the_start(tmp_path):
    """An overlay shows no single file that is mounted in it, so that what a program sees would not be all there is."""
    if rootless():
        with pytest.raises(StartFailed, match="CODEAPI_ROOT_SHARING=private needs root"):
            Server({"CODEAPI_ROOT_SHARING": "private"}).start()
        return
    for directory in ("usr/bin", "usr/lib"):
        (tmp_path / directory).mkdir(parents=True)
    (tmp_path / "usr" / "lib" / "one").write_text("")
    mounted = (f"mount --bind {tmp_path}/usr/lib/one {tmp_path}/usr/lib/one && "
               f"CODEAPI_ROOT_SHARING=private CODEAPI_ROOT={tmp_path} exec {binary()} doctor")
    said = subprocess.run(["unshare", "--mount", "sh", "-c", mounted], capture_output=True, text=True, timeout=60,
                          env=clean_environment())
    assert said.returncode == 1 and "CODEAPI_ROOT_SHARING=private is not possible here" in said.stdout, said


def facts(server, **body):
    answer = server.exec_("py", load("63_facts.py")[1], **body)
    assert (verdict(answer), answer["stderr"]) == (ENDED, ""), answer
    return json.loads(answer["stdout"])


def test_63_nothing_that_was_planted_reaches_the_next(make_server):
    it = make_server({"SANDBOX_MAX_CONCURRENT_JOBS": 1, "CODEAPI_POOL_SIZE": 1})
    before = facts(it)
    assert (before["home"], before["tmp"]) == (["main.py"], [])
    assert not [line for line in before["environment"] if line.split("=")[0] in (
        "PYTHONSTARTUP", "PYTHONPATH", "PYTHONHOME", "BASH_ENV", "ENV", "NODE_OPTIONS", "LD_PRELOAD",
        "LD_LIBRARY_PATH", "IFS", "PROMPT_COMMAND")]
    planted = attack(it, "63_plant.py", beside=False)
    assert planted["stdout"] == "outside []\n", planted
    assert [facts(it) for _ in range(3)] == [before] * 3
    assert it.exec_("bash", "env | grep -c evil; type -t evil; trap")["stdout"] == "0\n"
    node = it.exec_("js", "console.log(process.execArgv.length, process.env.NODE_OPTIONS)")
    assert node["stdout"] == "1 undefined\n"


START_UP_FILES = ["sitecustomize.py", "usercustomize.py", "evil.pth",
                  ".local/lib/python3.11/site-packages/evil.pth",
                  ".local/lib/python3.11/site-packages/usercustomize.py", ".pythonrc.py", ".pythonstartup",
                  "pyvenv.cfg", "__init__.py", ".bashrc", ".bash_profile", ".profile", ".bash_login",
                  ".inputrc",
                  ".env", ".noderc", ".npmrc", ".node_repl_history", "node_modules/fs/index.js",
                  "node_modules/evil/index.js", ".config/python/startup.py"]


@pytest.mark.parametrize("lang,code", [("py", "print('own')"), ("bash", "echo own"),
                                       ("js", "console.log('own')")])
def test_63_start_up_files_among_the_inputs_are_not_started(server, lang, code):
    words = "import os; os.system('echo PLANTED'); print('PLANTED')\n"
    made = server.exec_("py", f"open('evil.txt', 'w').write({words!r})")["files"][0]
    answer = server.exec_(lang, code, files=[reference(made, name=name) for name in START_UP_FILES])
    assert (verdict(answer), answer["stdout"], answer["stderr"]) == (ENDED, "own\n", ""), answer


def test_64_state_is_bytes_to_the_service(make_server):
    mark = "unpickled-" + secrets.token_hex(8)
    it = make_server({"CODEAPI_OUTPUT_EXTENSIONS": "*"})
    made = attack(it, "64_state.py", [mark], beside=False)
    assert verdict(made) == ENDED and made["stdout"] == ""
    assert [file["name"] for file in made["files"]] == ["array.npy", "model.joblib", "state.pkl"]
    inputs = [reference(file) for file in made["files"]]
    answer = it.exec_("bash", "ls /tmp | wc -l", files=inputs)
    assert_answer(answer, stdout="0\n")
    assert answer["files"] == [{**file, "inherited": True} for file in made["files"]]
    # Whoever reads it runs it, as everything else: in the cell.
    answer = it.exec_("py", "import pickle; pickle.load(open('state.pkl', 'rb'))", files=inputs)
    assert_answer(answer, stdout="UNPICKLED\n")
    assert not os.path.exists(f"/tmp/{mark}")


def drawn_by_four(server):
    code = load("65_twins.py")[1]
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(server.exec_("py", code))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers.append(server.exec_("py", code))
    drawn = [dict(line.split(" ", 1) for line in answer["stdout"].splitlines()) for answer in answers]
    assert [len(one) for one in drawn] == [13] * 4, answers
    return {name: len({one[name] for one in drawn}) for name in drawn[0]}, drawn


# Of programs that are forked from one interpreter (docs/adr/0009-warm-python.md).
SHARED_BY_FORKS = {"hash", "layout"}


def test_65_no_two_executions_draw_the_same(server):
    different, drawn = drawn_by_four(server)
    for name, count in different.items():
        assert count == 4 or name in SHARED_BY_FORKS, (name, drawn)


def test_65_nor_anything_alike_without_warm_starts(make_server):
    different, drawn = drawn_by_four(make_server({"CODEAPI_WARM": "off"}))
    assert set(different.values()) == {4}, drawn
