"""What zygotes are held to: they hold nothing, their end is nobody's error, and limits mean what they say."""

import concurrent.futures
import os
import pathlib
import signal

import pytest
import rounds
from forms import references, upload
from starts import await_warm, starts

from census import tree
from harness import until

PROC = pathlib.Path("/proc")
MIB = 1 << 20


@pytest.fixture(scope="module")
def warm(make_module_server, languages_root):
    server = make_module_server({"CODEAPI_ROOT": languages_root, "CODEAPI_WARM": "on"})
    await_warm(server)
    return server


def zygotes(server):
    """The pids of the server's zygotes: Pythons that are not in a cell."""
    mine = os.readlink("/proc/self/ns/pid")
    found = []
    for pid, status in tree(server.process.pid).items():
        try:
            if status["Name"].strip().startswith("python3") and os.readlink(PROC / str(pid) / "ns/pid") == mine:
                found.append(pid)
        except OSError:
            continue  # it has gone
    return found


def descriptors(pid):
    """Where each one points; those that go meanwhile are left out."""
    found = {}
    for fd in os.listdir(PROC / str(pid) / "fd"):
        try:
            found[fd] = os.readlink(PROC / str(pid) / "fd" / fd)
        except OSError:
            continue
    return found


def only(links, allowed):
    return links if set(links) <= allowed else None


def test_they_hold_no_files_threads_or_secrets(warm):
    pids = until(lambda: zygotes(warm), "there are no zygotes")
    for pid in pids:
        # The streams every program has, its socket to the jailer, and itself; while it forks, what belongs to the fork.
        links = until(lambda: only(descriptors(pid), {"0", "1", "2", "3", "4"}), lambda: f"only those: {descriptors(pid)}")
        assert links["0"] == "/dev/null" and links["3"].startswith("socket:"), links
        assert len(os.listdir(PROC / str(pid) / "task")) == 1
        names = {entry.split(b"=")[0] for entry in (PROC / str(pid) / "environ").read_bytes().split(b"\0") if entry}
        assert not any(name.startswith((b"CODEAPI", b"REDIS", b"AWS", b"LD_")) for name in names), names


def test_the_end_of_zygotes_fails_no_program(warm):
    """They are killed again and again while programs start; every answer is right, and then starts are warm again."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(warm.exec_, "py", f"print({n})") for n in range(60)]
        killed = 0
        for answer in answers:
            for pid in zygotes(warm):
                try:
                    os.kill(pid, signal.SIGKILL)
                    killed += 1
                except ProcessLookupError:
                    pass  # it went by itself
            answer.result()
    assert killed > 0
    assert [answer.result()["stdout"] for answer in answers] == [f"{n}\n" for n in range(60)]
    await_warm(warm)


def test_a_stopped_zygote_is_done_without(make_server, languages_root):
    """It neither answers nor ends; the program is started cold, and nothing waits for ever. None is forked ahead here."""
    server = make_server({"CODEAPI_ROOT": languages_root, "CODEAPI_WARM": "on", "CODEAPI_WARM_MEMORY": "0"})
    await_warm(server)
    pids = zygotes(server)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        before = starts(server, "py", "cold")
        assert server.exec_("py", "print('still here')")["stdout"] == "still here\n"
        assert starts(server, "py", "cold") == before + 1
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("name", ["json.py", "json/__init__.py"])
def test_an_input_with_the_name_of_a_module_means_a_cold_start(warm, name):
    """Or a module that is loaded already would have been given the wrong one."""
    files = references(upload(warm, (name, b"mine = True\n")))
    files[0]["name"] = name
    before = starts(warm, "py", "cold")
    answer = warm.exec_("py", "import json\nprint(json.__file__, json.mine)\n", files=files, user_id="user-0001")
    assert answer["stdout"] == f"/mnt/data/{name} True\n", answer
    assert starts(warm, "py", "cold") == before + 1


def test_another_input_does_not(warm):
    files = references(upload(warm, ("helper.py", b"value = 5\n")))
    before = starts(warm, "py", "warm")
    answer = warm.exec_("py", "import helper\nprint(helper.value)\n", files=files, user_id="user-0001")
    assert answer["stdout"] == "5\n", answer
    assert starts(warm, "py", "warm") == before + 1


def test_arguments_mean_a_cold_start(warm):
    before = starts(warm, "py", "cold")
    assert warm.exec_("py", "import sys\nprint(sys.argv[1:])\n", args=["a"])["stdout"] == "['a']\n"
    assert starts(warm, "py", "cold") == before + 1


def test_programs_with_tools_start_warm(warm):
    code = "print(await ask(text='x'))\nimport sys\nprint(sys.argv)\n"

    def played():
        before = starts(warm, "py", "warm")
        answer, _ = rounds.play(warm, code, [rounds.tool("ask", "text")], lambda name, given: given["text"] * 2)
        assert answer["stdout"] == "xx\n['/mnt/data/main.py']\n", answer
        return starts(warm, "py", "warm") > before

    until(played, "no program with tools is started warm")


@pytest.mark.cgroups
def test_memory_that_a_program_takes_is_charged_to_it(warm):
    """Not what it shares with the zygote, and all that it has written to."""
    answer = warm.exec_("py", f"x = bytearray({64 * MIB})\nfor i in range(0, len(x), 4096): x[i] = 1\n")
    assert 64 * MIB < answer["memory"] < 100 * MIB, answer
    assert warm.exec_("py", "pass")["memory"] < 20 * MIB


def test_no_two_programs_are_one(warm):
    """Each fork is of the zygote as it was: what a program changes in a module no other one sees."""
    code = "import json\nprint(hasattr(json, 'seen'))\njson.seen = True\n"
    assert {warm.exec_("py", code)["stdout"] for _ in range(5)} == {"False\n"}


def test_they_end_with_the_server(make_server, languages_root):
    server = make_server({"CODEAPI_ROOT": languages_root, "CODEAPI_WARM": "on"})
    await_warm(server)
    pids = zygotes(server)
    assert pids
    assert server.stop() == 0
    until(lambda: not any((PROC / str(pid)).exists() for pid in pids), "zygotes outlive the server")


def test_off_means_none(make_server, languages_root):
    server = make_server({"CODEAPI_ROOT": languages_root, "CODEAPI_WARM": "off"})
    assert server.exec_("py", "print(1)")["stdout"] == "1\n"
    assert zygotes(server) == [] and starts(server, "py", "warm") == 0
