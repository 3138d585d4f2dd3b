"""What the functions of tools take, give and do, wherever in a program they are called."""

import pytest
from fake_init import Failed, Refused

COUNT_SENDS = """import sys, asyncio
sends = []
sys.setprofile(lambda f, e, a: sends.append(a.__name__) if e == "c_call" and a.__name__ in ("send", "sendall") else None)
"""


def test_results_are_decoded_values(python):
    values = [None, True, 1.5, 10**20, "é\u2028\U0001f600\\\"", [], {"a": {"b": [{}]}}, "[1]", -0.25]
    for mention in ("", "# asyncio\n"):
        results = iter(values)
        python.init.tools["echo-input"] = lambda _: next(results)
        out = python.output(f"{mention}print([await echo_input() for _ in range({len(values)})] == {values!r})")
        assert out == "True\n"


def test_arguments_are_named(python):
    python.init.tools["echo-input"] = lambda _: None
    out = python.output("""
await get_weather("Oslo", "F")
await get_weather(city="Oslo", units=None)
await echo_input(**{"a-b": (1, 2), "c": {1: "é\\udc80"}, "self": False, "index": 0})
for wrong in (lambda: add_numbers(1, 2, 3), lambda: add_numbers(1, a=2), lambda: echo_input(x=object()),
              lambda: echo_input(x=[{1, 2}]), lambda: echo_input(y=float("nan")), lambda: echo_input(y=[float("inf")]),
              lambda: echo_input(big="x" * (1 << 20))):
    try:
        await wrong()
    except Exception as e:
        print(type(e).__name__, e)
""")
    assert python.init.inputs("get-weather") == [{"city": "Oslo", "units": "F"}, {"city": "Oslo"}]
    assert python.init.inputs("echo-input") == [
        {"a-b": [1, 2], "c": {"1": "é\udc80"}, "self": False, "index": 0}]
    assert python.init.inputs("add_numbers") == []
    lines = out.splitlines()
    assert lines[0] == "TypeError add_numbers() takes at most 2 positional arguments but 3 were given"
    assert lines[1] == "TypeError add_numbers() got multiple values for argument 'a'"
    assert lines[2] == "TypeError echo_input(): argument 'x': Object of type object is not JSON serializable"
    assert lines[3] == "TypeError echo_input(): argument 'x': Object of type set is not JSON serializable"
    assert lines[4].startswith("ValueError echo_input(): argument 'y': Out of range float values")
    assert lines[5].startswith("ValueError echo_input(): argument 'y': Out of range float values")
    assert lines[6] == "ValueError echo_input(): the input is longer than 1 MiB"


def test_failures_are_raised(python):
    def refuse(_):
        raise Refused("too many calls")

    python.init.tools["echo-input"] = refuse
    for mention in ("", "# asyncio\n"):
        out = python.output(mention + """
for call in (always_fails, echo_input):
    try:
        await call()
    except ToolExecutionError as e:
        print(e)
""")
        assert out == "no luck\ntoo many calls\n"


def test_a_gather_is_sent_in_one_go(python):
    """All fifty are there before the first is answered, and with one call of send."""
    python.init.hold = 50
    out = python.output(COUNT_SENDS + """
print(await asyncio.gather(*(echo_input(n=i) for i in range(50))) == [{"n": i} for i in range(50)], sends)
""")
    assert out == "True ['send']\n"
    assert len({connection for connection, _, _ in python.init.calls}) == 1


def test_large_inputs_and_results_pass_side_by_side(python):
    """More than a socket holds, in both directions at once."""
    out = python.output("""
texts = [chr(97 + i) * 900_000 for i in range(20)]
got = await asyncio.gather(*(echo_input(text=text) for text in texts))
print([result["text"] for result in got] == texts)
""")
    assert out == "True\n"
    python.init.tools["echo-input"] = lambda _: "é" * 2_500_000
    for mention in ("", "# asyncio\n"):
        assert python.output(mention + "print(len(await echo_input()))") == "2500000\n"


def test_a_call_given_up_leaves_the_others_in_step(python):
    python.init.hold = 2
    out = python.output("""
async def given_up():
    try:
        await asyncio.wait_for(echo_input(n="late"), 0.05)
    except asyncio.TimeoutError:
        print("timeout")
await given_up()
print(await get_weather(city="a"))
task = asyncio.create_task(echo_input(n="never sent"))
await asyncio.sleep(0)
task.cancel()
print(await asyncio.gather(echo_input(n=1), echo_input(n=2)))
""")
    assert out == "timeout\n{'city': 'a', 'temp_c': 7}\n[{'n': 1}, {'n': 2}]\n"
    assert [given.get("n") for _, _, given in python.init.calls] == ["late", None, 1, 2]


def test_threads_call_side_by_side(python):
    python.init.hold = 9
    out = python.output("""
import threading, concurrent.futures
def work(i):
    return asyncio.run(echo_input(n=i))
def drive(i):
    try:
        echo_input(n=i).send(None)  # no loop at all
    except StopIteration as stop:
        return stop.value
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    loop = asyncio.get_running_loop()
    calls = [loop.run_in_executor(pool, work, i) for i in range(4)] + [loop.run_in_executor(pool, drive, i) for i in range(4)]
    print(await asyncio.gather(echo_input(n=-1), *calls))
""")
    assert out == f"{[{'n': i} for i in (-1, 0, 1, 2, 3, 0, 1, 2, 3)]}\n"


def test_forked_children_call_for_themselves(python):
    for mention in ("", "# asyncio\n"):
        out = python.output(mention + """
print(await echo_input(who="parent"), flush=True)
child = os.fork()
if child == 0:
    print(await echo_input(who="child"), flush=True)
    os._exit(5)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(await echo_input(who="parent"))
""")
        assert out == "{'who': 'parent'}\n{'who': 'child'}\n5\n{'who': 'parent'}\n"
    connections = [connection for connection, _, _ in python.init.calls]
    assert connections == [1, 2, 1, 3, 4, 3]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_of_multiprocessing_call(python, method):
    out = python.output(f"""
import multiprocessing
def work(i):
    return asyncio.run(echo_input(n=i))
def fail(_):
    asyncio.run(always_fails())
if __name__ == "__main__":
    with multiprocessing.get_context("{method}").Pool(2) as pool:
        print(await echo_input(), pool.map(work, range(3)), pool.apply(json.dumps, ([1],)))
        try:
            pool.map(fail, [1])
        except ToolExecutionError as e:
            print(e)
""")
    assert out == "{} [{'n': 0}, {'n': 1}, {'n': 2}] [1]\nno luck\n"


def test_other_programs_call(python):
    (python.data / "other.py").write_text("from codeapi_tools import *\nimport asyncio\nprint(asyncio.run(echo_input(a=1)))\n")
    out = python.output("""import subprocess
print(await echo_input(), flush=True)
subprocess.run([sys.executable, "other.py"], check=True)
subprocess.run([sys.executable, "-c", "import codeapi_tools as t; print(sorted(t.__all__))"], check=True)
""", env={"PYTHONPATH": "/nowhere"})
    assert out == "{}\n{'a': 1}\n['ToolExecutionError', 'add_numbers', 'always_fails', 'echo_input', 'get_weather']\n"


def test_what_was_printed_is_out_before_a_call(python):
    seen = python.data / "seen"

    def look(_):
        return seen.read_text()

    python.init.tools["echo-input"] = look
    for mention in ("", "# asyncio\n"):
        out = python.output(mention + """
sys.stdout = open("seen", "w")
print("before")
seen = await echo_input()
sys.stdout = sys.__stdout__
print(repr(seen))
sys.stdout = sys.stderr = None
await echo_input()
""")
        assert out == "'before\\n'\n"


def test_a_connection_that_ends_is_an_error(python):
    python.init.drop = True
    for mention in ("", "# asyncio\n"):
        out = python.output(mention + """
for _ in range(2):
    try:
        await echo_input()
    except ToolExecutionError as e:
        print(e)
""")
        assert out == "the connection for tool calls was closed\n" * 2
    python.init.leave()
    for mention in ("", "# asyncio\n"):
        done = python.run(mention + "await echo_input()")
        assert done.stderr.endswith("ToolExecutionError: tools cannot be called here: Connection refused\n")
        assert done.stderr.count("File ") == 1


HOSTILE = {
    "a'\"\"\"b\\": "ab", "$(touch INJECTED)": "touch_INJECTED", "x\nimport os\nos.mkdir('INJECTED')\n": "x_import_os_osmkdirINJECTED_",
    "{index}": "index", "气象": "tool", "class": "class_tool", "None": "None_tool", "9lives": "_9lives", "match": "match",
    "print": "print", "__import__": "__import__", "__builtins__": "__builtins___tool", "__name__": "__name___tool",
    "os": "os", "sys": "sys", "socket": "socket", "_frame": "_frame", "FUNCTIONS": "FUNCTIONS", "__functions": "__functions",
    "ToolExecutionError": "ToolExecutionError_tool", "self": "self",
}


def test_names_of_tools_are_data(python):
    names = [*HOSTILE, *(f"tool{i}" for i in range(100 - len(HOSTILE)))]
    init = python.offer([{"name": name, "description": "\"\"\"'''", "parameters": {
        "properties": {"a\"b\n": {}, "class": {}}}} for name in names])
    init.tools.update((name, lambda given, name=name: [name, given]) for name in names)
    functions = list(HOSTILE.values())
    calls = ", ".join(f"await {function}(**{{'class': 1}})" for function in functions)
    for mention in ("", "# asyncio\n"):
        out = python.output(f"{mention}import builtins\nbuiltins.print([{calls}], __name__, await tool78(5))")
        assert out == f"{[[name, {'class': 1}] for name in HOSTILE]} __main__ ['tool78', {{'a\"b\\n': 5}}]\n"
    assert python.output("from codeapi_tools import *\nimport builtins\nbuiltins.print(await os())") == "['os', {}]\n"
    assert not (python.data / "INJECTED").exists()


def test_of_two_tools_with_one_name_the_last_is_called(python):
    init = python.offer([{"name": "get-it"}, {"name": "get it"}])
    init.tools.update({"get-it": lambda _: 1, "get it": lambda _: 2})
    assert python.output("print(await get_it())") == "2\n"


def test_a_result_in_pieces_of_characters_is_put_together(python):
    def fail(_):
        raise Failed("x" * 300_001 + "é")

    python.init.tools["echo-input"] = fail
    assert python.output("try: await echo_input()\nexcept ToolExecutionError as e: print(len(str(e)))") == "300002\n"
