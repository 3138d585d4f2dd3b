"""What a bash program finds of its tools."""

import json
import os
import subprocess

import pytest
from fake_init import Failed, Refused


def test_a_result_is_compact_json_without_a_newline(bash):
    bash.init.tools["echo-input"] = lambda given: given.get("text", [1, {"a": None}])
    assert bash.output("""get_weather '{"city":"Oslo"}'""") == '{"city":"Oslo","temp_c":7}'
    assert bash.output("""echo_input '{"text":"a b"}'; echo_input; echo_input ''""") == '"a b"[1,{"a":null}][1,{"a":null}]'
    assert bash.init.inputs("get-weather") == [{"city": "Oslo"}]
    assert bash.init.inputs("echo-input") == [{"text": "a b"}, {}, {}]


def test_results_are_captured_and_saved(bash):
    out = bash.output("""raw=$(get_weather '{"city":"Oslo"}')
printf '%s\\n' "$raw" > out.json
jq -r .temp_c out.json""")
    assert out == "7\n"


def test_background_calls_wait_together(bash):
    bash.init.hold = 3
    out = bash.output("""{ a=$(add_numbers '{"a":1,"b":2}'); echo "$a" > a; } &
{ b=$(get_weather '{"city":"Rome"}'); echo "$b" > b; } &
echo_input '{"x":1}' > c &
wait
cat a b c""")
    assert out == '3\n{"city":"Rome","temp_c":7}\n{"x":1}'


def test_a_failure_is_said_and_can_be_handled(bash):
    done = bash.run("always_fails || echo fallback; set -e; always_fails; echo not reached")
    assert (done.returncode, done.stdout, done.stderr) == (1, "fallback\n", "no luck\nno luck\n")

    def refuse(_):
        raise Refused("too many calls")

    bash.init.tools["echo-input"] = refuse
    done = bash.run("echo_input; echo $?")
    assert (done.stdout, done.stderr) == ("1\n", "too many calls\n")


def test_a_long_error_is_said_whole(bash):
    def fail(_):
        raise Failed("x" * 200_000)

    bash.init.tools["echo-input"] = fail
    assert bash.run("echo_input").stderr == "x" * 200_000 + "\n"


@pytest.mark.parametrize("given, shown", [
    ("'[1]'", "[1]"), ("7", "7"), ("a b", "a b"), ("' \n\"x\"'", ' \n"x"'), ("'{}' '{}'", "{} {}"),
    ("$(printf %0300d 0)", "0" * 200 + "..."),
])
def test_input_that_is_no_object_is_refused_without_a_call(bash, given, shown):
    done = bash.run(f"get_weather {given}; echo $?")
    assert done.stdout == "1\n"
    assert done.stderr == f"tool input for get_weather must be a JSON object, got: {shown}\n"
    assert bash.init.calls == []


def test_input_may_have_space_around_it_and_any_text(bash):
    assert bash.output("""echo_input $' \\n\\t{"a": "b c"}\\n'""") == '{"a":"b c"}'
    assert bash.output("""echo_input '{"t":"$(id) `id` \\"é\\u0041"}'""") == '{"t":"$(id) `id` \\"éA"}'


def test_standard_input_is_left_to_the_program(bash):
    out = bash.output("""while read -r city; do
  get_weather "{\\"city\\":\\"$city\\"}" | jq -r .city
done
""", stdin=None, input=b"Oslo\nRome\nParis\n")
    assert out == "Oslo\nRome\nParis\n"


def test_strict_programs_run(bash):
    out = bash.output("""set -Eeuo pipefail
: &
wait "$!"
w=$(get_weather '{"city":"Oslo"}')
trap 'echo bye' EXIT
echo "${w}"
""", flags=["-eu"])
    assert out == '{"city":"Oslo","temp_c":7}\nbye\n'


def test_a_program_is_not_disturbed(bash, tmp_path):
    code = "compgen -v; shopt; set -o; trap; alias; compgen -A function | wc -l; echo $- $# $0"
    with_tools = bash.output(code, "one")
    (bash.support / "functions.sh").chmod(0o755)
    (bash.support / "functions.sh").write_text("")
    assert with_tools.replace("\n4\n", "\n0\n") == bash.output(code, "one")


def test_children_can_call(bash):
    (bash.data / "other.sh").write_text("""get_weather '{"city":"Rome"}'""")
    out = bash.output("""(get_weather '{"city":"Oslo"}'); bash other.sh; bash -c 'echo_input'
export -f get_weather
printf '{"city":"A"}\\0{"city":"B"}' | xargs -0 -n1 bash -c 'get_weather "$1" | jq -r .city' -""")
    assert out == '{"city":"Oslo","temp_c":7}{"city":"Rome","temp_c":7}{}A\nB\n'


def test_five_megabytes_arrive_whole(bash):
    text = "é" * 2_500_000
    bash.init.tools["echo-input"] = lambda _: text
    assert bash.output("echo_input") == f'"{text}"'
    assert bash.output("echo_input | wc -c") == f"{5_000_002}\n"


def test_a_reader_that_leaves_ends_the_call(bash):
    bash.init.tools["echo-input"] = lambda _: "x" * 5_000_000
    done = bash.run("echo_input | head -c 3; echo ' '${PIPESTATUS[0]}; trap '' PIPE; echo_input | head -c 1")
    assert done.stdout == '"xx 141\n"'
    assert done.stderr == ""


def test_an_output_that_does_not_block_gets_everything(bash):
    bash.init.tools["echo-input"] = lambda _: "x" * 1_000_000
    read, write = os.pipe()
    os.set_blocking(write, False)
    reader = subprocess.Popen(["wc", "-c"], stdin=read, stdout=subprocess.PIPE, text=True)
    os.close(read)
    done = bash.run(f"echo_input >&{write}", pass_fds=[write])
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")
    assert reader.communicate()[0] == "1000002\n"


def test_nobody_there_is_an_error(bash):
    bash.init.drop = True
    done = bash.run("get_weather; echo $?")
    assert (done.stdout, done.stderr) == ("1\n", "get_weather: the tool's answer did not come\n")
    bash.init.leave()
    done = bash.run("get_weather || echo $?")
    assert (done.stdout, done.stderr) == ("1\n", "get_weather: tools cannot be called here\n")


HOSTILE = {"a'b\"c": "abc", "$(touch INJECTED)": "touch_INJECTED", "`touch INJECTED` b": "touch_INJECTED_b",
           "x\ntouch INJECTED\n": "x_touch_INJECTED_", "; touch INJECTED;": "_touch_INJECTED", "气象": "tool",
           "if": "if_tool", "export": "export_tool", "_ptc_x": "_ptc_x_tool", "9lives": "_9lives",
           "a.b-c d": "a_b_c_d", "__import__": "__import__", "tool99": "tool99"}


def test_names_of_tools_are_data(bash):
    names = [*HOSTILE, *(f"tool{i}" for i in range(100 - len(HOSTILE)))]
    init = bash.offer([{"name": name} for name in names])
    init.tools.update((name, lambda _, name=name: name) for name in names)
    out = bash.output("\n".join(f"{function}; echo" for function in HOSTILE.values()) + "\ncompgen -A function | wc -l")
    assert [json.loads(line) for line in out.splitlines()] == [*HOSTILE, 100]
    assert [name for _, name, _ in init.calls] == list(HOSTILE)
    assert not (bash.data / "INJECTED").exists()
