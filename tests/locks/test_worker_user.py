"""CODEAPI_WORKER_USER: what a server started as root is once it serves, and what it says when it cannot be that."""

import os
import pathlib
import signal
import socket
import subprocess

import pytest
from census import named_below, started, status_of, tree
from harness import Server, StartFailed, clean_environment, command, until, worker_user

USER = worker_user() or "54321:54321"
UID = int(USER.split(":")[0])

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.fixture(scope="module")
def worker(make_module_server):
    return make_module_server({"CODEAPI_WORKER_USER": USER})


def status(pid):
    return {name: value.split() for name, value in status_of(pid).items()}


def test_the_server_is_that_user_for_good(worker):
    for task in pathlib.Path(f"/proc/{worker.process.pid}/task").iterdir():
        fields = status(task.name)
        assert fields["Uid"] == fields["Gid"] == [str(UID)] * 4
        assert fields["Groups"] == []
        for capabilities in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(fields[capabilities][0], 16) == 0, (task.name, capabilities)
        assert fields["NoNewPrivs"] == ["1"]


def test_nobody_but_root_can_look_into_it(worker):
    # The kernel gives the files in /proc of what is not dumpable to root.
    assert os.stat(f"/proc/{worker.process.pid}/environ").st_uid == 0
    look = subprocess.run(["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "cat",
                           f"/proc/{worker.process.pid}/environ"], capture_output=True, check=False)
    assert look.returncode != 0 and b"Permission denied" in look.stderr


def as_worker(*words):
    """What another process of that user, with nothing more than it has, is told."""
    return subprocess.run(["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--bounding-set=-all",
                           "--no-new-privs", *map(str, words)], capture_output=True, text=True, check=False)


def test_what_is_others_is_closed_to_it(worker, make_module_server, tmp_path):
    neighbour = make_module_server({"CODEAPI_WORKER_USER": "54322:54322"})
    stored = neighbour.exec_("bash", "echo secret > out.txt")["files"]
    assert stored
    key = neighbour.directory / "key.pem"
    key.write_text("a key")
    key.chmod(0o600)
    jailer, = named_below(worker.process.pid, "codeapi-jailer")
    launcher, = named_below(worker.process.pid, "codeapi-launch")
    closed = [key, neighbour.data_dir / "state.sqlite", f"/proc/{neighbour.process.pid}/environ",
              *(f"/proc/{pid}/{name}" for pid in (jailer, launcher) for name in ("environ", "mem", "maps"))]
    for path in closed:
        said = as_worker("cat", path)
        assert said.returncode != 0 and "Permission denied" in said.stderr, (path, said)
    for pid in (jailer, launcher, neighbour.process.pid):
        said = as_worker("kill", "-0", pid)
        assert said.returncode != 0 and "not permitted" in said.stderr, said
    # The test can tell: its own it may read.
    assert as_worker("head", "-c", 6, worker.data_dir / "state.sqlite").stdout == "SQLite"


def test_its_files_are_that_users(worker):
    answer = worker.exec_("bash", "echo hello > out.txt")
    assert worker.download(answer["files"][0]).body == b"hello\n"
    for directory, names, files in os.walk(worker.data_dir):
        for path in [directory, *(os.path.join(directory, name) for name in names + files)]:
            assert os.stat(path).st_uid == UID, path


def test_a_jailer_that_died_is_replaced_and_has_privileges(worker):
    before = named_below(worker.process.pid, "codeapi-jailer")
    assert len(before) == 1 and status(before[0])["Uid"] == ["0"] * 4
    os.kill(before[0], signal.SIGKILL)
    until(lambda: not os.path.exists(f"/proc/{before[0]}"), "the jailer is still there")
    # The first run may be the one that finds out.
    until(lambda: worker.post({"lang": "bash", "code": "echo again"}).status == 200, "no program runs")
    after = named_below(worker.process.pid, "codeapi-jailer")
    assert len(after) == 1 and after != before and status(after[0])["Uid"] == ["0"] * 4


def test_without_its_launcher_it_ends_with_an_error_and_says_why():
    it = started({"CODEAPI_WORKER_USER": USER})
    try:
        launcher, = named_below(it.process.pid, "codeapi-launch")
        os.kill(launcher, signal.SIGKILL)
        assert it.wait() == 1
        assert "to be started again as root" in it.log()
    finally:
        it.destroy()


def test_nothing_is_left_when_it_is_killed():
    it = started({"CODEAPI_WORKER_USER": USER})
    below = set(tree(it.process.pid))
    assert len(below) > 2
    it.kill()
    until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in below), "its processes are still there")
    it.destroy()


def test_it_listens_where_only_root_may(tmp_path):
    port = next(port for port in range(1023, 600, -1) if free(port))
    it = Server({"CODEAPI_WORKER_USER": USER, "SERVICE_PORT": port})
    it.port = port
    try:
        it.start()
        assert it.exec_("bash", "echo 1")["stdout"] == "1\n"
        assert it.stop() == 0
    finally:
        it.destroy()


def free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def test_a_data_directory_that_is_missing_is_made_for_it(tmp_path):
    os.chmod(tmp_path, 0o755)
    for parent in tmp_path.parents[:2]:
        os.chmod(parent, 0o755)
    it = Server({"CODEAPI_WORKER_USER": USER, "CODEAPI_DATA_DIR": tmp_path / "fresh"})
    try:
        it.start()
        made = os.stat(tmp_path / "fresh")
        assert (made.st_uid, made.st_mode & 0o777) == (UID, 0o700)
        assert it.stop() == 0
    finally:
        it.destroy()


def refused(settings):
    with pytest.raises(StartFailed) as failed:
        Server(settings).start()
    return str(failed.value)


def test_a_data_directory_of_roots_is_refused_with_the_fix(tmp_path):
    os.chmod(tmp_path, 0o755)
    for parent in tmp_path.parents[:2]:
        os.chmod(parent, 0o755)
    data = tmp_path / "data"
    data.mkdir(0o755)
    said = refused({"CODEAPI_WORKER_USER": USER, "CODEAPI_DATA_DIR": data})
    assert f"{data} cannot be used by user {UID} (CODEAPI_WORKER_USER)" in said
    assert f"chown -R {USER} {data}" in said
    # A file of an earlier start as root is no better.
    os.chown(data, UID, UID)
    (data / "state.sqlite").touch(0o600)
    assert f"{data}/state.sqlite cannot be used" in refused({"CODEAPI_WORKER_USER": USER, "CODEAPI_DATA_DIR": data})


@pytest.mark.parametrize("user, why", [
    ("root", "that is root"), ("0:5", "that is root"), (f"{UID}:0", "or its group"),
    ("no-such-user", "there is no such user"), ("4000000", "say its group too"),
    ("54321:", "no number of a group"), ("54321:staff", "no number of a group"),
    ("4294967295:1", "there is no such user"), ("200001:5", "programs run as that user"),
])
def test_users_that_it_cannot_become(user, why, tmp_path):
    environment = clean_environment(CODEAPI_WORKER_USER=user, CODEAPI_DATA_DIR=tmp_path,
                                    CODEAPI_SANDBOX_UID_BASE=200000, SERVICE_PORT=1)
    done = subprocess.run(command("serve"), env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert f"CODEAPI_WORKER_USER={user}: " in done.stderr and why in done.stderr, done.stderr


def test_an_ordinary_user_cannot_become_another(tmp_path):
    done = subprocess.run(command("serve", user=12345), env=clean_environment(
        CODEAPI_WORKER_USER=USER, CODEAPI_DATA_DIR="/tmp", SERVICE_PORT=1), capture_output=True, text=True,
        timeout=60, check=False)
    assert done.returncode != 0
    assert "needs a start as root, and this is user 12345" in done.stderr, done.stderr
