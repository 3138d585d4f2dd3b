"""The pool of interpreters that wait for programs: how many there are, what they hold, and that nothing depends on
them."""

import concurrent.futures
import os
import pathlib
import re
import signal
import time

import pytest
from starts import run_warm, starts

from census import cgroup_tops_of, of_uids, waiting
from harness import until

PROC = pathlib.Path("/proc")
MIB = 1 << 20
HELLO = "console.log('hello')"


@pytest.fixture(scope="module")
def warm(make_module_server, languages_root):
    return make_module_server({"CODEAPI_ROOT": languages_root, "CODEAPI_WARM": "on"})


def steady(server):
    """The same once no more are on their way."""
    seen = []

    def same():
        seen.append(sorted(waiting(server)))
        return len(seen) > 25 and len(set(map(tuple, seen[-25:]))) == 1

    until(same, "the pool comes to rest")
    return waiting(server)


def gauge(server, name, **labels):
    text = server.get("/metrics").body.decode()
    found = [float(value) for given, value in re.findall(name + r"\{([^}]*)\} (\S+)", text)
             if all(f'{key}="{wanted}"' in given for key, wanted in labels.items())]
    return found[0] if found else None


def test_nobody_waits_before_the_first_request(make_server, languages_root):
    server = make_server({"CODEAPI_ROOT": languages_root, "CODEAPI_WARM": "on"})
    server.exec_("bash", "echo")
    assert steady(server) == {}
    server.exec_("node", HELLO)
    until(lambda: len(waiting(server)) == 1, "one waits after the first")


def test_they_are_locked_down_like_programs(warm):
    run_warm(warm, "node", HELLO)
    pid, status = until(lambda: next(iter(waiting(warm).items()), None), "one waits")
    assert status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2", status
    assert {int(status[name], 16) for name in ("CapEff", "CapPrm", "CapInh", "CapAmb", "CapBnd")} == {0}, status
    assert 0 not in map(int, status["Uid"].split() + status["Gid"].split())
    assert (PROC / str(pid) / "oom_score_adj").read_text() == "1000\n"
    links = {fd: os.readlink(PROC / str(pid) / "fd" / fd) for fd in os.listdir(PROC / str(pid) / "fd")}
    assert links["0"] == "/dev/null" and links["1"].startswith("pipe:") and links["2"].startswith("pipe:"), links
    assert not any(link.startswith("socket:") for link in links.values()), links
    maps = (PROC / str(pid) / "maps").read_text()
    assert "codeapi" not in maps
    names = {entry.split(b"=")[0] for entry in (PROC / str(pid) / "environ").read_bytes().split(b"\0") if entry}
    assert not any(name.startswith((b"CODEAPI", b"REDIS", b"AWS", b"LD_", b"NODE_OPTIONS")) for name in names), names


def test_five_a_second_are_started_warm(warm):
    before = starts(warm, "node", "warm"), starts(warm, "node", "cold")
    for _ in range(40):
        assert warm.exec_("node", HELLO)["stdout"] == "hello\n"
        time.sleep(0.2)  # the rate, which is what this is about
    started = starts(warm, "node", "warm") - before[0], starts(warm, "node", "cold") - before[1]
    assert sum(started) == 40 and started[0] >= 36, started


def test_a_burst_beyond_the_pool_starts_cold(warm):
    run_warm(warm, "node", HELLO)
    before = starts(warm, "node", "warm"), starts(warm, "node", "cold")
    with concurrent.futures.ThreadPoolExecutor(30) as pool:
        answers = [pool.submit(warm.exec_, "node", f"console.log({n})") for n in range(60)]
    assert [answer.result()["stdout"] for answer in answers] == [f"{n}\n" for n in range(60)]
    started = starts(warm, "node", "warm") - before[0], starts(warm, "node", "cold") - before[1]
    assert sum(started) == 60 and started[1] > 0, started


def test_the_end_of_those_that_wait_fails_no_program(warm):
    """They are killed again and again while programs start; every answer is right, and then starts are warm again."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(warm.exec_, "node", f"console.log({n})") for n in range(40)]
        killed = 0
        for answer in answers:
            while not answer.done():
                killed += sum(kill(pid) for pid in waiting(warm))
    assert killed > 0
    wrong = {n: answer.result() for n, answer in enumerate(answers)
             if answer.result()["stdout"] != f"{n}\n" and answer.result()["signal"] != "SIGKILL"}
    assert wrong == {}
    assert run_warm(warm, "node", "console.log('again')")["stdout"] == "again\n"


def kill(pid):
    """Whether there was something to kill."""
    try:
        os.kill(pid, signal.SIGKILL)
        return True
    except ProcessLookupError:
        return False


def test_one_that_ends_while_it_waits_is_replaced(warm):
    run_warm(warm, "node", HELLO)
    pids = set(steady(warm))
    assert pids
    for pid in pids:
        kill(pid)
    until(lambda: set(waiting(warm)) - pids, "another one waits", seconds=90)
    assert not set(waiting(warm)) & pids


def test_none_is_used_twice(warm):
    code = "const fs = require('fs'); console.log(fs.existsSync('/tmp/seen'), globalThis.seen); " \
        "fs.writeFileSync('/tmp/seen', ''); globalThis.seen = 1;"
    assert {run_warm(warm, "node", code)["stdout"] for _ in range(5)} == {"false undefined\n"}


def test_inputs_are_there_before_the_program_looks(warm):
    made = warm.exec_("bash", "echo '{\"type\": \"module\"}' > package.json; echo 'export default 4' > four.js")
    files = [{"id": file["id"], "name": file["name"], "storage_session_id": file["storage_session_id"],
              "resource_id": file["id"], "kind": "user"} for file in made["files"]]
    code = "import four from './four.js'; console.log(four, import.meta.url)"
    for language in "node", "js":
        assert run_warm(warm, language, code, files=files)["stdout"] == "4 file:///mnt/data/index.js\n"


def test_settings_that_the_interpreter_would_have_read_start_cold(warm):
    """Or a waiting Bun would have looked for them in vain."""
    made = warm.exec_("bash", "echo 'define = { \"GIVEN\" = \"42\" }' > bunfig.toml; cp bunfig.toml bunfig.txt")
    file = next(file for file in made["files"] if file["name"] in ("bunfig.toml", "bunfig.txt"))
    files = [{"id": file["id"], "name": "bunfig.toml", "storage_session_id": file["storage_session_id"],
              "resource_id": file["id"], "kind": "user"}]
    run_warm(warm, "js", HELLO)
    before = starts(warm, "js", "cold")
    assert warm.exec_("js", "console.log(GIVEN)", files=files)["stdout"] == "42\n"
    assert starts(warm, "js", "cold") == before + 1


@pytest.mark.cgroups
def test_what_was_used_before_is_not_the_programs(warm):
    """An interpreter's start takes more CPU time than all of this program."""
    steady(warm)
    cold = min(warm.exec_("node", "", args=["x"])["cpu_time"] for _ in range(3))
    assert min(run_warm(warm, "node", "")["cpu_time"] for _ in range(3)) < cold


def test_the_worker_shows_them(warm):
    run_warm(warm, "node", HELLO)
    until(lambda: (gauge(warm, "codeapi_warm_cells", runtime="node", state="ready") or 0) >= 1, "one is shown")
    until(lambda: (gauge(warm, "codeapi_warm_memory_bytes", runtime="node") or 0) > MIB, "its memory is shown")
    assert gauge(warm, "codeapi_warm_cells", runtime="node", state="target") >= 1
    assert gauge(warm, "codeapi_warm_cells", runtime="plain", state="target") >= 1
    assert gauge(warm, "codeapi_warm_requests_total", runtime="node", result="hit") >= 1
    assert gauge(warm, "codeapi_warm_requests_total", runtime="node", result="miss") >= 1


def private(pid):
    """Bytes of memory that no file stands behind."""
    status = (PROC / str(pid) / "status").read_text()
    return sum(int(kib) << 10 for kib in re.findall(r"Rss(?:Anon|Shmem):\s*(\d+) kB", status))


def test_memory_is_bounded(make_server, languages_root):
    server = make_server({"CODEAPI_ROOT": languages_root, "CODEAPI_WARM": "on", "CODEAPI_WARM_MEMORY": "64MiB"})
    for _ in range(30):
        server.exec_("node", HELLO)
    pids = steady(server)
    assert pids and sum(map(private, pids)) <= 64 * MIB, {pid: private(pid) for pid in pids}
    shown = until(lambda: gauge(server, "codeapi_warm_memory_bytes", runtime="node"), "it is shown")
    assert shown <= 64 * MIB


@pytest.mark.parametrize("settings", [{"CODEAPI_WARM": "off"}, {"CODEAPI_WARM_MEMORY": "0"}, {"CODEAPI_SECCOMP": "log"}])
def test_without_it_none_wait(make_server, languages_root, settings):
    server = make_server({"CODEAPI_ROOT": languages_root, "CODEAPI_WARM": "on", **settings})
    for _ in range(3):
        assert server.exec_("node", HELLO)["stdout"] == "hello\n"
    assert steady(server) == {} and starts(server, "node", "warm") == 0


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_nothing_is_left_of_them(make_server, languages_root, end):
    server = make_server({"CODEAPI_ROOT": languages_root, "CODEAPI_WARM": "on"})
    for language in "node", "js":
        run_warm(server, language, HELLO)
    until(lambda: len(waiting(server)) >= 2, "some wait")
    tops, pids = cgroup_tops_of(server.process.pid), waiting(server)
    if end == "stop":
        assert server.stop() == 0
    else:
        server.kill()
    until(lambda: not of_uids(server.uid_base), "no interpreter outlives the server")
    until(lambda: not any((PROC / str(pid)).exists() for pid in pids), "none is a zombie")
    if end == "stop":
        until(lambda: not any(os.path.exists(top) for top in tops), lambda: f"the cgroups are gone: {tops}")
