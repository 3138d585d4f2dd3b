"""Every way an execution can end, reached by a program that earns it, with the exact words of its verdict."""

import pytest
from harness import names, sandbox_line

OUTPUT_MAX = 65536
STDERR_MESSAGE = f"stderr truncated at {OUTPUT_MAX} bytes"


def verdict(answer):
    return answer["code"], answer["signal"], answer["status"], answer["message"]


def assert_verdict(answer, code, signal=None, status=None, message=None):
    """The four fields, the one line in stderr that goes with a message, and figures that are figures."""
    assert verdict(answer) == (code, signal, status, message), answer["stderr"][-2000:]
    assert sandbox_line(answer) == ([message] if message else [])
    if message:
        assert answer["stderr"].endswith(f"[sandbox] {message}\n")
    assert type(answer["memory"]) is int and answer["memory"] > 0
    assert type(answer["cpu_time"]) in (int, float) and answer["cpu_time"] >= 0
    assert type(answer["wall_time"]) is int and answer["wall_time"] >= 0


# -- the program's own ends ----------------------------------------------------------------------------------

EXIT = {"py": "import sys; sys.exit({})", "bash": "exit {}", "js": "process.exit({})"}
KILL = {"py": "import os, resource, signal\nos.kill(os.getpid(), signal.{})", "bash": "kill -s {} $$"}


@pytest.mark.parametrize("code", [0, 1, 2, 42, 124, 127, 128, 137, 139, 143, 255])
@pytest.mark.parametrize("lang", EXIT)
def test_exit_code_is_the_programs_own(server, lang, code):
    answer = server.exec_(lang, EXIT[lang].format(code))
    assert_verdict(answer, code)
    assert answer["stderr"] == ""


@pytest.mark.parametrize("name,number", [("SIGKILL", 9), ("SIGSEGV", 11), ("SIGTERM", 15), ("SIGABRT", 6),
                                         ("SIGHUP", 1),
                                         ("SIGFPE", 8), ("SIGUSR1", 10), ("SIGXCPU", 24)])
@pytest.mark.parametrize("lang", KILL)
def test_death_by_a_signal_of_its_own(server, lang, name, number):
    answer = server.exec_(lang, KILL[lang].format(name if lang == "py" else name[3:]))
    assert_verdict(answer, 128 + number, name)
    assert answer["stderr"] == "" and answer["files"] == []


def test_node_death_by_a_signal(server):
    answer = server.exec_("js", "process.kill(process.pid, 'SIGKILL'); setInterval(() => {}, 1000)")
    assert_verdict(answer, 137, "SIGKILL")


def test_real_segmentation_fault(server):
    assert_verdict(server.exec_("py", "import ctypes; ctypes.string_at(0)"), 139, "SIGSEGV")


def test_node_abort(server):
    answer = server.exec_("js", "process.abort()")
    assert_verdict(answer, 134, "SIGABRT")
    assert answer["files"] == []


def test_death_of_a_child_is_not_the_programs(server):
    answer = server.exec_("bash", "bash -c 'kill -9 $$'; echo \"child: $?\"; exit 3")
    assert_verdict(answer, 3)
    assert answer["stdout"] == "child: 137\n"


def test_code_that_does_not_parse(server):
    answer = server.exec_("py", "def broken(:")
    assert_verdict(answer, 1)
    assert "SyntaxError" in answer["stderr"]
    assert_verdict(server.exec_("bash", "if then"), 2)
    assert_verdict(server.exec_("js", "function ("), 1)


# -- wall limit ----------------------------------------------------------------------------------------------

SLEEP = {"py": "import time; print('begun', flush=True); time.sleep(60)", "bash": "echo begun; sleep 60",
         "js": "console.log('begun'); setTimeout(() => {}, 60000)"}


@pytest.mark.parametrize("lang", SLEEP)
def test_wall_limit(server, lang):
    answer = server.exec_(lang, SLEEP[lang], timeout=1000)
    assert_verdict(answer, 137, "SIGKILL", "TO", "Time limit exceeded")
    assert answer["stdout"] == "begun\n"
    assert 1000 <= answer["wall_time"] < 5000


def test_wall_limit_spares_what_was_written(server):
    answer = server.exec_("bash", "echo partial > partial.txt; sleep 60", timeout=1000)
    assert_verdict(answer, 137, "SIGKILL", "TO", "Time limit exceeded")
    assert server.download(answer["files"][0]).body == b"partial\n"


def test_wall_limit_reaches_children_and_those_who_ignore_signals(server):
    answer = server.exec_("bash", "trap '' TERM INT HUP; (trap '' TERM; sleep 60) & sleep 60 & wait; wait",
                          timeout=1000)
    assert_verdict(answer, 137, "SIGKILL", "TO", "Time limit exceeded")


def test_request_may_not_ask_for_more_than_job_timeout(make_server):
    it = make_server({"SANDBOX_RUN_TIMEOUT": 1000, "JOB_TIMEOUT": 2000})
    answer = it.exec_("bash", "sleep 60", timeout=60000)
    assert_verdict(answer, 137, "SIGKILL", "TO", "Time limit exceeded")
    assert 1000 <= answer["wall_time"] < 10000


def test_default_wall_limit_is_a_setting(make_server):
    it = make_server({"SANDBOX_RUN_TIMEOUT": 1000})
    answer = it.exec_("py", "import time; time.sleep(60)")
    assert_verdict(answer, 137, "SIGKILL", "TO", "Time limit exceeded")
    assert 1000 <= answer["wall_time"] < 5000


# -- cpu limit -----------------------------------------------------------------------------------------------

BUSY = {"py": ("import os\n"
               "for _ in range(2):\n"
               "    if os.fork() == 0:\n"
               "        while True: pass\n"
               "os.wait()\n"),
        "bash": "for n in 1 2; do while :; do :; done & done; wait",
        "js": "const {Worker} = require('worker_threads');\n"
              "for (let n = 0; n < 2; n++) new Worker('for(;;);', {eval: true});"}
SHORT_LIVED = "for n in $(seq 100000); do (for m in $(seq 2000); do :; done); done"


@pytest.fixture(scope="module")
def one_cpu_second(make_module_server):
    return make_module_server({"SANDBOX_RUN_CPU_TIME": 1000})


@pytest.mark.cgroups
@pytest.mark.parametrize("lang", BUSY)
def test_cpu_limit_counts_the_whole_tree(one_cpu_second, lang):
    answer = one_cpu_second.exec_(lang, BUSY[lang])
    assert_verdict(answer, 137, "SIGKILL", "TO", "CPU time limit exceeded")
    assert answer["cpu_time"] >= 1000


@pytest.mark.cgroups
def test_cpu_limit_counts_children_that_have_ended(one_cpu_second):
    answer = one_cpu_second.exec_("bash", SHORT_LIVED)
    assert_verdict(answer, 137, "SIGKILL", "TO", "CPU time limit exceeded")


def test_sleeping_costs_no_cpu_time(one_cpu_second):
    answer = one_cpu_second.exec_("bash", "sleep 1.5; echo awake")
    assert_verdict(answer, 0)
    assert answer["stdout"] == "awake\n" and answer["cpu_time"] < 1000


# -- memory limit --------------------------------------------------------------------------------------------

EAT = {"py": "held = []\nwhile True: held.append(b'x' * (32 << 20))",
       "bash": "head -c 4G /dev/zero | tail",
       "js": "const held = []; for (;;) held.push(Buffer.alloc(32 << 20, 1));"}


@pytest.mark.cgroups
@pytest.mark.parametrize("lang", EAT)
def test_memory_limit(server, lang):
    answer = server.exec_(lang, EAT[lang])
    assert_verdict(answer, 137, "SIGKILL", "SG", "Out of memory")
    assert answer["memory"] >= 512 << 20


@pytest.mark.cgroups
def test_memory_limit_in_a_child_ends_the_cell(server):
    answer = server.exec_("bash", "echo before; python3 -c \"x = b'x' * (4 << 30)\"; echo after; sleep 20")
    assert_verdict(answer, 137, "SIGKILL", "SG", "Out of memory")
    assert answer["stdout"] == "before\n"


def test_memory_within_the_limit(server):
    answer = server.exec_("py", "x = b'x' * (200 << 20); print(len(x))")
    assert_verdict(answer, 0)
    assert 200 << 20 <= answer["memory"] <= 512 << 20


@pytest.mark.cgroups
def test_memory_limit_is_a_setting(make_server):
    it = make_server({"SANDBOX_RUN_MEMORY_LIMIT": 64 << 20, "CODEAPI_WORKSPACE_BYTES": 16 << 20})
    answer = it.exec_("py", "x = b'x' * (200 << 20)")
    assert_verdict(answer, 137, "SIGKILL", "SG", "Out of memory")
    assert it.exec_("py", "print('small')")["stdout"] == "small\n"


# -- output limits -------------------------------------------------------------------------------------------

FLOOD = {"py": "while True: print('0123456789' * 100)", "bash": "while :; do echo 0123456789; done",
         "js": "for (;;) require('fs').writeSync(1, '0123456789'.repeat(100));"}
FLOOD_STDERR = {"py": "import sys\nsys.stderr.write('e' * 100000)\nprint('went on')\nsys.exit(5)",
                "bash": "head -c 100000 /dev/zero | tr '\\0' e >&2; echo 'went on'; exit 5",
                "js": "require('fs').writeSync(2, 'e'.repeat(100000));"
                      "console.log('went on'); process.exitCode = 5"}


@pytest.mark.parametrize("lang", FLOOD)
def test_output_limit(server, lang):
    answer = server.exec_(lang, FLOOD[lang])
    assert_verdict(answer, 137, "SIGKILL", "OL", "stdout length exceeded")
    assert len(answer["stdout"]) == OUTPUT_MAX
    assert answer["stdout"].startswith("0123456789")


@pytest.mark.parametrize("character", ["é", "€", "😀"])
@pytest.mark.parametrize("offset", [0, 1, 2, 3])
def test_output_limit_cuts_at_a_character(server, character, offset):
    answer = server.exec_("py", f"print('x' * {offset} + '{character}' * 100000)")
    assert_verdict(answer, 137, "SIGKILL", "OL", "stdout length exceeded")
    fits = (OUTPUT_MAX - offset) // len(character.encode())
    assert answer["stdout"] == "x" * offset + character * fits


@pytest.mark.parametrize("lang", ["py", "bash"])
def test_output_of_exactly_the_limit_is_whole(server, lang):
    code = {"py": f"import sys; sys.stdout.write('x' * {OUTPUT_MAX})",
            "bash": f"head -c {OUTPUT_MAX} /dev/zero | tr '\\0' x"}[lang]
    answer = server.exec_(lang, code)
    assert_verdict(answer, 0)
    assert answer["stdout"] == "x" * OUTPUT_MAX


def test_one_byte_over_the_output_limit(server):
    answer = server.exec_("bash", f"head -c {OUTPUT_MAX + 1} /dev/zero | tr '\\0' x; sleep 20")
    assert_verdict(answer, 137, "SIGKILL", "OL", "stdout length exceeded")
    assert answer["stdout"] == "x" * OUTPUT_MAX


@pytest.mark.parametrize("lang", FLOOD_STDERR)
def test_stderr_limit_lets_the_program_go_on(server, lang):
    answer = server.exec_(lang, FLOOD_STDERR[lang])
    assert_verdict(answer, 5, None, None, STDERR_MESSAGE)
    assert answer["stdout"] == "went on\n"
    assert answer["stderr"] == "e" * OUTPUT_MAX + f"\n[sandbox] {STDERR_MESSAGE}\n"


def test_stderr_limit_and_then_a_stronger_verdict(server):
    answer = server.exec_("bash", "head -c 100000 /dev/zero | tr '\\0' e >&2; sleep 60", timeout=1500)
    assert answer["stderr"].startswith("e" * OUTPUT_MAX)
    assert verdict(answer) == (137, "SIGKILL", "TO", "Time limit exceeded")
    assert sandbox_line(answer)[-1] == "Time limit exceeded"


def test_output_limit_is_a_setting(make_server):
    it = make_server({"SANDBOX_OUTPUT_MAX_SIZE": 1024})
    answer = it.exec_("bash", "head -c 1025 /dev/zero | tr '\\0' x; sleep 20")
    assert_verdict(answer, 137, "SIGKILL", "OL", "stdout length exceeded")
    assert answer["stdout"] == "x" * 1024
    answer = it.exec_("bash", "head -c 1025 /dev/zero | tr '\\0' x >&2")
    assert_verdict(answer, 0, None, None, "stderr truncated at 1024 bytes")


# -- what a program may try to fake --------------------------------------------------------------------------

@pytest.mark.parametrize("lang", ["py", "bash"])
def test_words_of_the_sandbox_in_the_programs_mouth_change_nothing(server, lang):
    code = {"py": "import sys\nprint('[sandbox] Out of memory', file=sys.stderr)\n"
                  "print('[sandbox] x')\nsys.exit(137)",
            "bash": "echo '[sandbox] Out of memory' >&2; echo '[sandbox] x'; exit 137"}[lang]
    answer = server.exec_(lang, code)
    assert verdict(answer) == (137, None, None, None)
    assert answer["stderr"] == "[sandbox] Out of memory\n"


def test_file_size_limit(server):
    answer = server.exec_("py", "try:\n    open('big.bin', 'wb').truncate((100 << 20) + 1)\n"
                                "except OSError as error: print(error.strerror)")
    assert_verdict(answer, 0)
    assert answer["stdout"] == "File too large\n" and names(answer) == []


def test_open_files_limit(server):
    code = ("held = []\ntry:\n    while True: held.append(open('/dev/null'))\n"
            "except OSError as error: print(error.errno, held[-1].fileno() + 1)")
    answer = server.exec_("py", code)
    assert_verdict(answer, 0)
    assert answer["stdout"] == "24 2048\n"


def test_nothing_of_an_earlier_verdict_remains(server):
    for lang, code, options in (("bash", "kill -9 $$", {}), ("bash", "sleep 60", {"timeout": 200}),
                                ("py", EAT["py"], {}), ("bash", FLOOD["bash"], {})):
        server.exec_(lang, code, **options)
        answer = server.exec_("py", "print('clean')")
        assert_verdict(answer, 0)
        assert (answer["stdout"], answer["stderr"]) == ("clean\n", "")
    server.census.assert_idle()
