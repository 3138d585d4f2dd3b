"""codeapi at the terminal: help, run, doctor, config, and settings that are wrong."""

import os
import re
import secrets
import signal
import subprocess

import census
import pytest
from harness import binary, clean_environment, free_port, until
from waiting import PREAMBLE


@pytest.fixture
def codeapi(tmp_path):
    """codeapi(*arguments, **environment): runs it in an empty directory and returns the finished process."""
    (tmp_path / "work").mkdir()

    def run(*arguments, **environment):
        return subprocess.run([binary(), *map(str, arguments)], capture_output=True, text=True, timeout=90,
                              stdin=subprocess.DEVNULL, cwd=tmp_path / "work",
                              env=clean_environment(CODEAPI_DATA_DIR=tmp_path / "data", **environment))

    run.directory = tmp_path / "work"
    return run


def program(directory, name, text):
    path = directory / name
    path.write_text(text)
    return path


def test_help_names_every_role(codeapi):
    run = codeapi("--help")
    assert run.returncode == 0
    for role in ("serve", "file-server", "tool-call-server", "run", "doctor", "config", "keys"):
        assert re.search(rf"^\s+{role}\b", run.stdout, re.MULTILINE), run.stdout


@pytest.mark.parametrize("role,flags", [("run", ["--lang", "--out"]), ("serve", []), ("file-server", ["--host", "--port"]),
                                        ("tool-call-server", ["--host", "--port"]), ("doctor", []),
                                        ("config", []), ("keys", [])])
def test_help_of_a_role(codeapi, role, flags):
    run = codeapi(role, "--help")
    assert run.returncode == 0 and all(flag in run.stdout for flag in flags)


@pytest.mark.parametrize("arguments", [["no-such-role"], ["run"], ["run", "--no-such-flag", "x.py"]])
def test_wrong_usage(codeapi, arguments):
    run = codeapi(*arguments)
    assert run.returncode != 0 and run.stderr


@pytest.mark.parametrize("name,text", [
    ("hello.py", "import sys\nprint('hello', sys.argv[1:])\nprint('oops', file=sys.stderr)\nsys.exit(7)"),
    ("hello.sh", "printf \"hello ['%s', '%s']\\n\" \"$@\"\necho oops >&2\nexit 7"),
    ("hello.js",
     "console.log(`hello ['${process.argv[2]}', '${process.argv[3]}']`)\n"
      "console.error('oops')\nprocess.exit(7)")])
def test_run_takes_the_language_from_the_extension(codeapi, name, text):
    run = codeapi("run", program(codeapi.directory, name, text), "one", "two words")
    assert run.stdout == "hello ['one', 'two words']\n"
    assert run.stderr == "oops\n"
    assert run.returncode == 7


def test_run_with_lang(codeapi):
    run = codeapi("run", "--lang", "bash", program(codeapi.directory, "noextension", "echo $((6 * 7))"))
    assert (run.returncode, run.stdout, run.stderr) == (0, "42\n", "")


def test_run_without_a_known_extension(codeapi):
    run = codeapi("run", program(codeapi.directory, "what.ever", "x"))
    assert run.returncode != 0 and "--lang" in run.stderr


def test_run_of_a_missing_file(codeapi):
    run = codeapi("run", "missing.py")
    assert run.returncode != 0 and "missing.py" in run.stderr


def test_run_of_a_program_that_is_killed(codeapi):
    run = codeapi("run", program(codeapi.directory, "killed.sh", "kill -9 $$"))
    assert run.returncode == 137


def test_run_copies_the_outputs_here(codeapi):
    path = program(codeapi.directory, "write.sh", "mkdir d; echo 1 > d/one.txt; echo 2 > two.csv")
    assert codeapi("run", path).returncode == 0
    assert (codeapi.directory / "d" / "one.txt").read_text() == "1\n"
    assert (codeapi.directory / "two.csv").read_text() == "2\n"


def test_run_copies_the_outputs_to_out(codeapi, tmp_path):
    path = program(codeapi.directory, "write.sh", "mkdir d; echo 1 > d/one.txt; exit 3")
    assert codeapi("run", "--out", tmp_path / "out", path).returncode == 3
    assert (tmp_path / "out" / "d" / "one.txt").read_text() == "1\n"
    assert sorted(os.listdir(codeapi.directory)) == ["write.sh"]


def test_run_does_not_write_through_a_symlink(codeapi, tmp_path):
    (tmp_path / "outside.txt").write_text("safe")
    (codeapi.directory / "out.txt").symlink_to(tmp_path / "outside.txt")
    codeapi("run", program(codeapi.directory, "write.sh", "echo overwritten > out.txt"))
    assert (tmp_path / "outside.txt").read_text() == "safe"


def test_run_streams(codeapi, tmp_path):
    name = "w-" + secrets.token_hex(6)
    text = PREAMBLE + "print('first', flush=True)\nwait_for_the_test()\nprint('second')"
    path = program(codeapi.directory, "stream.py", text)
    with subprocess.Popen([binary(), "run", str(path), name], stdout=subprocess.PIPE,
                          stdin=subprocess.DEVNULL,
                          cwd=codeapi.directory, text=True,
                          env=clean_environment(CODEAPI_DATA_DIR=tmp_path / "data")) as run:
        assert run.stdout.readline() == "first\n"
        # Were the output held back until the end, there would be nobody left to wait for us now.
        os.kill(until(lambda: census.named(name), "the program still runs"), signal.SIGUSR1)
        assert run.stdout.read() == "second\n"
        assert run.wait(60) == 0


def test_interrupted_run_leaves_nothing(codeapi, tmp_path):
    name = "w-" + secrets.token_hex(6)
    path = program(codeapi.directory, "wait.py", PREAMBLE + "wait_for_the_test()")
    with subprocess.Popen([binary(), "run", str(path), name], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, cwd=codeapi.directory,
                          env=clean_environment(CODEAPI_DATA_DIR=tmp_path / "data")) as run:
        until(lambda: census.named(name), "the program runs")
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=60)
        assert run.returncode != 0
    until(lambda: not census.named(name), "the program is dead")


def test_doctor(codeapi):
    run = codeapi("doctor")
    assert run.returncode == 0, run.stdout + run.stderr
    for topic in ("namespace", "cgroup", "seccomp", "landlock", "user namespace", "kvm", "python", "node",
                  "bash"):
        assert topic in run.stdout.lower(), f"{topic} is missing in:\n{run.stdout}"


def test_config_shows_value_and_source(codeapi):
    run = codeapi("config", SERVICE_PORT=4567, SANDBOX_MAX_OUTPUT_FILES=7)
    assert run.returncode == 0
    lines = {line.split()[0]: line for line in run.stdout.splitlines() if line.split()}
    assert re.search(r"\b4567\b", lines["SERVICE_PORT"]) and "default" not in lines["SERVICE_PORT"].lower()
    assert re.search(r"\b7\b", lines["SANDBOX_MAX_OUTPUT_FILES"])
    assert re.search(r"\b5m\b", lines["JOB_TIMEOUT"]) and "default" in lines["JOB_TIMEOUT"].lower()


@pytest.mark.parametrize("role", ["serve", "config"])
@pytest.mark.parametrize("name,value", [
    ("SERVICE_PORT", "abc"), ("SERVICE_PORT", "70000"), ("SANDBOX_OUTPUT_MAX_SIZE", "-1"),
    ("JOB_TIMEOUT", "30s5"),
    ("SANDBOX_MAX_OUTPUT_FILES", "1.5"), ("CODEAPI_HTTP_JSON_LIMIT", "lots"),
    ("SANDBOX_MAX_PROCESS_COUNT", "0x")])
def test_bad_number_stops_the_start_and_names_it(codeapi, role, name, value):
    run = codeapi(role, **{name: value})
    assert run.returncode != 0
    assert name in run.stderr and value in run.stderr


def test_all_bad_settings_are_named_at_once(codeapi):
    run = codeapi("serve", SERVICE_PORT="abc", JOB_TIMEOUT="never")
    assert run.returncode != 0 and "SERVICE_PORT" in run.stderr and "JOB_TIMEOUT" in run.stderr


def test_unknown_name_is_a_warning_with_the_nearest(make_server):
    it = make_server({"CODEAPI_POOL_SIZ": 3, "CODEAPI_QUEUEMAX": 5, "CODEAPI_REDIS_SERVICE_HOST": "10.0.0.1",
                      "CODEAPI_API_PORT_80_TCP": "tcp://10.0.0.1:80",
                      "CODEAPI_JWT_PRIVATE_KEY": "librechat's"})
    log = it.log()
    warnings = [line for line in log.splitlines() if "CODEAPI_POOL_SIZ" in line or "CODEAPI_QUEUEMAX" in line]
    assert any("CODEAPI_POOL_SIZE" in line for line in warnings), log
    assert any("CODEAPI_QUEUE_MAX" in line for line in warnings), log
    assert "SERVICE_HOST" not in log and "PORT_80_TCP" not in log and "JWT_PRIVATE_KEY" not in log
    assert it.exec_("bash", "echo runs")["stdout"] == "runs\n"
