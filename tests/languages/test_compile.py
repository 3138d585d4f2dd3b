"""The compile step as clients see it, in C, which every machine that builds codeapi can compile."""

import pytest

from harness import by_name, names, reference, sandbox_line

# Including itself twice, to the deepest level, is never over, and takes no memory.
ENDLESS = "#include __FILE__\n#include __FILE__\n"
# A table of ten thousand million numbers, of which the compiler keeps each.
HUNGRY = "#define A0 1\n" + "".join(f"#define A{n} {','.join([f'A{n - 1}'] * 10)}\n" for n in range(1, 11)) \
    + "int table[] = {A10};\nint main(void) {}\n"


@pytest.fixture(scope="module")
def limited(make_module_server):
    return make_module_server({"SANDBOX_COMPILE_TIMEOUT": "3000", "SANDBOX_COMPILE_MEMORY_LIMIT": "32MiB",
                               "SANDBOX_RUN_MEMORY_LIMIT": "64MiB", "CODEAPI_WORKSPACE_BYTES": "16MiB"})


def test_compiling_takes_no_longer_than_it_may(make_server):
    # The longer, the more memory it takes: here there is enough of that.
    server = make_server({"SANDBOX_COMPILE_TIMEOUT": "1000", "SANDBOX_COMPILE_MEMORY_LIMIT": "1GiB"})
    answer = server.exec_("c", ENDLESS)
    assert (answer["code"], answer["signal"], answer["status"]) == (137, "SIGKILL", "TO")
    assert answer["message"] == "Compile time limit exceeded"
    assert sandbox_line(answer)[-1] == "Compile time limit exceeded"
    assert answer["wall_time"] >= 1000 and answer["files"] == []


@pytest.mark.cgroups
def test_compiling_takes_no_more_memory_than_it_may(limited):
    answer = limited.exec_("c", HUNGRY)
    assert (answer["code"], answer["status"]) == (137, "SG"), answer
    assert sandbox_line(answer)[-1] == "Out of memory while compiling"


def test_an_input_that_a_program_includes_stays_as_it_was(server):
    header = by_name(server.exec_("bash", "echo '#define ANSWER 42' > answer.c"))["answer.c"]
    answer = server.exec_("c", '#include "answer.c"\nint main(void) { return ANSWER; }\n', files=[reference(header)])
    assert (answer["code"], answer["stderr"]) == (42, "")
    assert names(answer) == ["answer.c"] and answer["files"][0]["inherited"]


def test_a_compiler_that_fails_leaves_the_inputs(server):
    mine = by_name(server.exec_("bash", "echo 1 > mine.txt"))["mine.txt"]
    answer = server.exec_("c", "no C\n", files=[reference(mine)], args=["x"], stdin="y")
    assert answer["code"] == 1 and "main.c:1:" in answer["stderr"] and answer["stdout"] == ""
    assert names(answer) == ["mine.txt"] and "deleted_files" not in answer


def test_an_input_may_have_the_programs_name(server):
    mine = by_name(server.exec_("bash", "echo '#define ANSWER 7' > main.c"))["main.c"]
    answer = server.exec_("c", '#include "main.c"\nint main(void) { return ANSWER; }\n', files=[reference(mine)])
    assert answer["code"] == 7, answer


def test_what_the_compiler_leaves_behind_cannot_be_seen_by_others(server):
    code = '#include <stdio.h>\nint main(void) { return access("/tmp/.build", 0); }\n'
    assert server.exec_("c", "#include <unistd.h>\n" + code)["code"] == 0
    assert server.exec_("bash", "ls -A /tmp")["stdout"] == ""
