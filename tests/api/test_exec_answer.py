"""POST /v1/exec: the shape of the answer, and what a program is given."""

import pytest
from harness import ID

ALWAYS = {"session_id", "files", "stdout", "stderr", "code", "signal", "message", "status", "wall_time",
          "memory", "cpu_time"}

HELLO = {"py": "print('hello')", "bash": "echo hello", "js": "console.log('hello')",
         "node": "console.log('hello')"}

ALIASES = {
    "py": ["py", "python", "Python", "PY"],
    "js": ["js", "javascript", "JavaScript", "bun-js", "bun", "JS"],
    "node": ["node", "nodejs", "node-js", "node-javascript", "NodeJS"],
    "bash": ["bash", "sh", "Bash", "SH"],
}

PRINT_ARGS = {"py": "import sys; print(sys.argv[1:])",
              "bash": "printf '<%s>' \"$@\"",
              "js": "console.log(JSON.stringify(process.argv.slice(2)))"}

PRINT_STDIN = {"py": "import sys; sys.stdout.write(repr(sys.stdin.buffer.read()))",
               "bash": "od -An -v -tx1 | tr -d ' \\n'",
               "js": "process.stdout.write(require('fs').readFileSync(0).toString('hex'))"}


@pytest.mark.parametrize("lang", HELLO)
def test_answer_has_exactly_the_promised_fields(server, lang):
    answer = server.exec_(lang, HELLO[lang])
    assert set(answer) == ALWAYS
    assert ID.fullmatch(answer["session_id"])
    assert (answer["stdout"], answer["stderr"]) == ("hello\n", "")
    assert answer["files"] == []
    assert (answer["code"], answer["signal"], answer["message"], answer["status"]) == (0, None, None, None)
    assert type(answer["wall_time"]) is int and answer["wall_time"] >= 0
    assert type(answer["memory"]) is int and answer["memory"] > 0
    assert type(answer["cpu_time"]) in (int, float) and answer["cpu_time"] >= 0


def test_answer_is_json_and_names_no_software(server):
    reply = server.post({"lang": "bash", "code": "true"})
    assert reply.headers["Content-Type"].startswith("application/json")
    assert not any(name.lower() == "x-powered-by" for name in reply.headers)
    assert not any(character.isdigit() for character in reply.headers.get("Server", ""))


def test_every_execution_is_a_session_of_its_own(server):
    ids = [server.exec_("bash", "true")["session_id"] for _ in range(5)]
    assert len(set(ids)) == 5


@pytest.mark.parametrize("lang,alias", [(lang, alias) for lang in ALIASES for alias in ALIASES[lang]])
def test_alias(server, lang, alias):
    assert server.exec_(alias, HELLO[lang])["stdout"] == "hello\n"


def test_node_is_node_and_bash_is_bash(server):
    assert server.exec_("node",
                        "console.log(typeof Bun, process.release.name)")["stdout"] == "undefined node\n"
    assert server.exec_("sh", "echo ${BASH_VERSION:+bash}")["stdout"] == "bash\n"


@pytest.mark.parametrize("lang,expected", [
    ("py", "['one', 'two words', '', '--three', 'ü$(id)']\n"),
    ("bash", "<one><two words><><--three><ü$(id)>"),
    ("js", '["one","two words","","--three","ü$(id)"]\n')])
def test_args_arrive_as_they_are(server, lang, expected):
    answer = server.exec_(lang, PRINT_ARGS[lang], args=["one", "two words", "", "--three", "ü$(id)"])
    assert (answer["stdout"], answer["stderr"]) == (expected, "")


@pytest.mark.parametrize("text", ["two\nlines\n", "no newline at the end", "", "ü€😀\0 end"])
@pytest.mark.parametrize("lang", PRINT_STDIN)
def test_stdin_arrives_byte_for_byte(server, lang, text):
    expected = repr(text.encode()) if lang == "py" else text.encode().hex()
    assert server.exec_(lang, PRINT_STDIN[lang], stdin=text)["stdout"] == expected


@pytest.mark.parametrize("lang", PRINT_STDIN)
def test_absent_stdin_is_the_end_of_file_at_once(server, lang):
    assert server.exec_(lang, PRINT_STDIN[lang])["stdout"] == ("b''" if lang == "py" else "")


def test_large_stdin(server):
    answer = server.exec_("bash", "wc -c", stdin="0123456789abcdef" * 65536)
    assert answer["stdout"].strip() == str(16 * 65536)


def test_large_stdin_that_nobody_reads(server):
    answer = server.exec_("bash", "echo done", stdin="x" * 4_000_000)
    assert (answer["stdout"], answer["code"], answer["status"]) == ("done\n", 0, None)


@pytest.mark.parametrize("lang,code", [
    ("py", "print('grüße €', '😀')"), ("bash", "echo 'grüße €' '😀'"),
    ("js", "console.log('grüße €', '😀')")])
def test_utf8_in_code_and_output(server, lang, code):
    answer = server.exec_(lang, code)
    assert (answer["stdout"], answer["stderr"]) == ("grüße € 😀\n", "")


def test_stdout_and_stderr_stay_apart(server):
    answer = server.exec_("bash", "echo out; echo err >&2; echo out2 > /dev/stdout; echo err2 > /dev/stderr")
    assert (answer["stdout"], answer["stderr"]) == ("out\nout2\n", "err\nerr2\n")


def test_unknown_keys_of_the_body_are_ignored(server):
    answer = server.exec_("py", "print(1)", user_id="u-1", session_id="x" * 21, codeSessionKey="execute_code",
                          environmentId=None, codeEnvironmentSettings={"a": [1, {"b": 2}]}, intent="count",
                          executionRouteKey="r", bridgeWorkerId=7, files=[], args=[],
                          runtime_session_hint="hint")
    assert answer["stdout"] == "1\n"


def test_traceback_names_the_program_and_the_line(server):
    answer = server.exec_("py", "x = 1\n\nraise ValueError('broken')\n")
    assert answer["code"] == 1 and answer["status"] is None and answer["message"] is None
    assert 'File "/mnt/data/main.py", line 3' in answer["stderr"]
    assert answer["stderr"].endswith("ValueError: broken\n")


def test_python_program_is_main_and_begins_in_the_work_directory(server):
    answer = server.exec_("py", "import os, sys\nprint(__name__, __file__, os.getcwd(), sys.argv[0])")
    assert answer["stdout"].split() == ["__main__", "/mnt/data/main.py", "/mnt/data", "/mnt/data/main.py"]


def test_python_multiprocessing_atexit_and_pool(server):
    code = ("import atexit, multiprocessing\n"
            "def square(n): return n * n\n"
            "if __name__ == '__main__':\n"
            "    atexit.register(print, 'bye')\n"
            "    with multiprocessing.Pool(2) as pool: print(pool.map(square, range(5)))\n")
    answer = server.exec_("py", code)
    assert (answer["stdout"], answer["stderr"]) == ("[0, 1, 4, 9, 16]\nbye\n", "")


def test_bash_has_the_tools_that_librechat_uses(server):
    code = ("cat > note.txt <<'END'\nsaved\nEND\ncat note.txt\npython3 - <<'END'\nprint(6 * 7)\nEND\n"
            "diff <(echo same) <(echo same) && echo equal\nnode -e 'console.log(1 + 1)'\n")
    answer = server.exec_("bash", code)
    assert (answer["stdout"], answer["stderr"]) == ("saved\n42\nequal\n2\n", "")


def test_a_compiled_program_runs(server):
    code = ("cat > /tmp/a.c <<'END'\n#include <stdio.h>\n"
            "int main(void) { puts(\"compiled\"); return 3; }\nEND\n"
            "gcc -o /tmp/a /tmp/a.c && /tmp/a")
    answer = server.exec_("bash", code)
    assert (answer["stdout"], answer["stderr"], answer["code"]) == ("compiled\n", "", 3)


def test_empty_program(server):
    answer = server.exec_("bash", "")
    assert (answer["stdout"], answer["stderr"], answer["code"]) == ("", "", 0)


def test_large_program(server):
    answer = server.exec_("py", "#" + "x" * 3_000_000 + "\nprint('ran')")
    assert answer["stdout"] == "ran\n"
