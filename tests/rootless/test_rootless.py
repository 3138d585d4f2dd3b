"""Cells made by an ordinary user, without root and without cgroups: what holds there, and what is told.

`make test-rootless` runs the other tests in this way as well.
"""

import os
import pathlib
import subprocess
import tempfile
import threading

import pytest
from harness import Server, StartFailed, clean_environment, command, copy_programs

USER = 54321
# A user that is not root already needs no other.
AS = USER if os.geteuid() == 0 else None


@pytest.fixture(scope="module")
def executable():
    with tempfile.TemporaryDirectory(prefix="codeapi-rootless-") as directory:
        yield copy_programs(directory)


@pytest.fixture(scope="module")
def rootless(executable):
    """A server of an ordinary user, who can use no cgroups."""
    server = Server({"CODEAPI_CGROUP": "none"}, user=AS, executable=executable)
    try:
        yield server.start()
        assert server.stop() == 0, server.log()
    finally:
        server.destroy()


def out(server, lang, code, **body):
    answer = server.exec_(lang, code, **body)
    assert (answer["code"], answer["stderr"]) == (0, ""), answer
    return answer["stdout"]


def test_the_server_and_its_cells_are_an_ordinary_users(rootless):
    assert os.stat(f"/proc/{rootless.process.pid}").st_uid == (AS or os.geteuid())
    assert out(rootless, "bash", "id -un; id -u").split() == ["sandbox", str(rootless.uid_base)]


def test_the_start_tells_what_does_not_hold(rootless):
    log = rootless.log()
    for what in ("no cgroup limits", "programs run as the service's own user", "a sealed input can be changed"):
        assert what in log or what == "no cgroup limits", log


def test_doctor_tells_it_too(executable):
    run = subprocess.run(command("doctor", user=AS, executable=executable), capture_output=True, text=True,
                         env=clean_environment(CODEAPI_CGROUP="none"), timeout=60, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "rootless cells" in run.stdout and "a sealed input can be changed" in run.stdout
    assert "Cells can be made on this host." in run.stdout


@pytest.mark.parametrize("settings,named", [
    ({"CODEAPI_CGROUP": "v1"}, "cgroup"), ({"CODEAPI_CGROUP": "v2"}, "cgroup"),
    ({"CODEAPI_CGROUP": "none", "CODEAPI_SANDBOX_CPUS": "0.5"}, "CODEAPI_SANDBOX_CPUS needs cgroups")])
def test_a_setting_that_demands_cgroups_fails_the_start(executable, settings, named):
    server = Server(settings, user=AS, executable=executable)
    with pytest.raises(StartFailed, match=named):
        server.start()


def test_files_go_in_and_come_out(rootless):
    first = rootless.exec_("py", "open('a.txt', 'w').write('hello')")
    file, = first["files"]
    assert rootless.download(file).body == b"hello"
    entry = {"id": file["id"], "resource_id": file["id"], "name": "a.txt", "kind": "user",
             "storage_session_id": file["storage_session_id"]}
    again = rootless.exec_("bash", "cat a.txt; stat -c %U a.txt", files=[entry])
    assert again["stdout"] == "hellosandbox\n"


def test_processes_are_limited_and_each_cell_counts_its_own(rootless):
    # The first one keeps all of its processes until the second has made as many.
    code = ("import os, time\nmade = 0\ntry:\n    while made < 500:\n"
            "        if os.fork() == 0: time.sleep(60)\n        made += 1\n"
            "except BlockingIOError:\n    pass\nprint(made)\ntime.sleep(float(os.sys.argv[1]))\n")
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(out(rootless, "py", code, args=["1"])))
               for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [118 <= int(made) < 128 for made in answers] == [True, True], answers


def test_a_process_that_takes_too_much_memory_is_refused_it(rootless):
    assert out(rootless, "py", "try:\n    held = bytearray(600 << 20)\nexcept MemoryError:\n    print('refused')"
               ) == "refused\n"


def test_the_wall_limit_ends_everything(rootless):
    answer = rootless.exec_("bash", "sleep 100 & setsid sleep 100 & sleep 100", timeout=1000)
    assert (answer["code"], answer["status"]) == (137, "TO")


def test_used_memory_is_that_of_the_largest_process(rootless):
    answer = rootless.exec_("py", "held = bytearray(64 << 20)")
    assert 64 << 20 < answer["memory"] < 128 << 20


def test_init_is_the_same_user_and_yet_out_of_reach(rootless):
    code = """
import ctypes, os, resource, signal
libc = ctypes.CDLL(None, use_errno=True)
def outcome(call):
    try:
        call()
        return "ok"
    except OSError as error:
        return os.strerror(error.errno)
print(outcome(lambda: resource.prlimit(1, resource.RLIMIT_NOFILE, (0, 0))))
print(outcome(lambda: os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0))))
print(outcome(lambda: os.setpriority(os.PRIO_PROCESS, 1, 19)))
print(outcome(lambda: os.listdir("/proc/1/fd")))
for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM):
    outcome(lambda: os.kill(1, number))  # not delivered; where Landlock knows signals, refused
print(libc.ptrace(16, 1, 0, 0), os.strerror(ctypes.get_errno()))
"""
    refused = "Operation not permitted"
    assert out(rootless, "py", code).splitlines() == [refused, refused, refused, "No such file or directory",
                                                      f"-1 {refused}"]


def test_the_users_own_files_and_processes_are_not_in_reach(rootless):
    secret = pathlib.Path(rootless.data_dir) / "state.sqlite"
    assert secret.exists() and secret.stat().st_uid == (AS or os.geteuid())
    code = (f"import os\nprint(os.path.exists({str(secret)!r}), os.path.exists('/root'), os.path.exists('/home'))\n"
            f"print(sorted(int(name) for name in os.listdir('/proc') if name.isdigit()) == [os.getpid()])\n"
            "print(open('/proc/self/cgroup').read().count(':/\\n') == open('/proc/self/cgroup').read().count('\\n'))\n"
            f"try:\n    os.kill({rootless.process.pid}, 0)\nexcept ProcessLookupError:\n    print('no such process')")
    assert out(rootless, "py", code).splitlines() == ["False False False", "True", "True", "no such process"]


def test_a_sealed_input_is_not_taken_back_even_when_it_was_changed(rootless):
    file, = rootless.exec_("py", "open('sealed.txt', 'w').write('hello')")["files"]
    entry = {"id": file["id"], "resource_id": file["id"], "name": "sealed.txt", "kind": "user",
             "storage_session_id": file["storage_session_id"]}
    answer = rootless.exec_("bash", "chmod u+w sealed.txt; echo changed > sealed.txt; cat sealed.txt", files=[entry])
    assert answer["code"] == 0
    assert rootless.download(file).body == b"hello"
