"""How a Python program runs that has tools: as a script, but for what it gains."""

import re
import signal

import pytest


def without_addresses(text):
    return re.sub("0x[0-9a-f]+", "0x", text)


def test_awaits_at_the_top(python):
    out = python.output("""import contextlib
async def agen():
    yield await add_numbers(a=0.5, b=1)
w = await get_weather(city="Oslo")
print(w["temp_c"], __name__, __file__.rsplit("/", 1)[1], sys.argv[1:], sys.path[0] == os.path.dirname(__file__))
async def both():
    return await add_numbers(a=1, b=2) + await add_numbers(a=3, b=4)
if __name__ == "__main__":
    print(await both())
    async with contextlib.AsyncExitStack(): pass
    print([x async for x in agen()])
""", "x", "y z")
    assert out == "7 __main__ main.py ['x', 'y z'] True\n10\n[1.5]\n"


@pytest.mark.parametrize("mention", ["", "# asyncio"])
def test_awaits_with_and_without_a_loop_are_alike(python, mention):
    """Without a mention of asyncio none is imported; what a program sees is the same."""
    done = python.run(f"""{mention}
import sys, time
print("async" + "io" in getattr(sys, "modules"))
print(await get_weather(city="é"), await echo_input(a=None, b=[1, True, {{"x": None}}]))
try:
    await always_fails()
except ToolExecutionError as e:
    print("caught", e, repr(e))
except BaseException: pass
print(await echo_input())
async def inner():
    await always_fails()
await inner()
""")
    assert done.stdout == (f"{bool(mention)}\n" + "{'city': 'é', 'temp_c': 7} {'b': [1, True, {'x': None}]}\n"
                           "caught no luck ToolExecutionError('no luck')\n{}\n")
    assert done.returncode == 1
    main = python.data / "main.py"
    lines = done.stderr.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert [line for line in lines if line.startswith("  File")] == [
        f'  File "{main}", line 13, in <module>', f'  File "{main}", line 12, in inner']
    assert lines[-1].endswith("ToolExecutionError: no luck")


@pytest.mark.parametrize("code", [
    "def f():\n    return 1/0\n\nf()", "x = (1 +\n", "import nothing_of_this_name", "raise ValueError('a') from KeyError(1)",
    "try:\n    1/0\nexcept Exception:\n    undefined", "import sys\nsys.exit('bye')", "raise SystemExit(7)", "exit(3)",
    "import os, sys\nprint(1, flush=True)\nos._exit(4)", "return 1", "from __future__ import annotations\n1/0",
    "from .x import y", "import atexit\natexit.register(print, 'atexit')\n1/0", "assert False, 'é'",
    "import sys\nsys.excepthook = lambda *a: print('hook', a[0], a[2].tb_lineno)\n\n1/0", "def f(): await x",
    "import threading\nt = threading.Thread(target=lambda: print('in thread'))\nt.start()\n1/0",
    "import warnings\nwarnings.warn('w')", "class A:\n    def __del__(self): raise ValueError(1)\nA()\n",
    "raise KeyboardInterrupt", "import sys\nsys.stdout.write('x')\nraise ExceptionGroup('g', [ValueError(1)])",
])
def test_a_script_ends_as_it_ends_without_tools(python, code):
    """The same output, errors and exit status as of python3 main.py, to the letter."""
    done = python.run(code)
    alone = python.init.run([*python.interpreter, "/usr/bin/python3", "-s", python.data / "main.py"],
                            cwd=python.data, env={"PATH": "/usr/bin:/bin", "HOME": "/tmp"})
    assert (done.stdout, without_addresses(done.stderr), done.returncode) == (
        alone.stdout.decode(), without_addresses(alone.stderr.decode()), alone.returncode)
    if "KeyboardInterrupt" in code:
        assert done.returncode == -signal.SIGINT


def test_a_script_is_not_changed(python):
    out = python.output('''"""Its own words."""
from __future__ import annotations
from math import *
text = """one
  two
    three"""
x: int = 1
print(__doc__, text, floor(2.5), __annotations__, __spec__, __package__, type(__loader__).__name__, sep="|")
print(sorted(n for n in dir() if not n.startswith("__") and n not in dir(__import__("math"))))
import __main__
print(__main__.x, __main__.__dict__ is globals(), sys.modules["__main__"] is __main__)
''')
    assert out == ("Its own words.|one\n  two\n    three|2|{'x': 'int'}|None|None|SourceFileLoader\n"
                   "['ToolExecutionError', 'add_numbers', 'always_fails', 'annotations', 'echo_input', 'get_weather', 'os', "
                   "'sys', 'text', 'x']\n1 True True\n")


def test_its_encoding_is_its_own(python):
    assert python.output("# -*- coding: latin-1 -*-\nprint(len('é'), ascii('é'))\n".encode("latin-1")) == "1 '\\xe9'\n"
    assert python.output(b"\xef\xbb\xbfprint(await echo_input())\n") == "{}\n"


def test_names_are_there_without_import(python):
    out = python.output("""print(json.dumps([1]), sys.byteorder, os.sep, asyncio.__name__)
def f(a: Dict[str, Any], b: Optional[List[int]] = None) -> Union[int, str]: return 1
print(f(1), ToolExecutionError.__module__, issubclass(ToolExecutionError, Exception))
import inspect
print(inspect.iscoroutinefunction(get_weather), get_weather.__name__, open is __builtins__.open)
""")
    assert out == "[1] little / asyncio\n1 __main__ True\nTrue get_weather True\n"


def test_pandas_is_there_when_it_is_used(python):
    (python.data / "pandas.py").write_text("print('imported'); DataFrame = list")
    assert python.output("print(1); print(pd.DataFrame('ab'), pd.DataFrame is list, pd.__file__)").startswith(
        "1\nimported\n['a', 'b'] True /")
    assert python.output("import sys; pd = 5; print(pd)") == "5\n"
    assert python.output("import statistics as pd; print(pd.mean([1, 3]))") == "2\n"


def test_files_beside_it_come_first(python):
    """As for a script; that we have used the library's must not change it."""
    for name in ("json", "asyncio", "typing", "weakref", "socket"):
        (python.data / f"{name}.py").write_text(f"print('own {name}')\nAny = 1\n")
    assert python.output("import json; print(json.Any, await get_weather(city='x'))") == (
        "own json\n1 {'city': 'x', 'temp_c': 7}\n")
    assert python.output("import asyncio, typing\nprint(typing.Any, asyncio.Any)") == "own asyncio\nown typing\n1 1\n"
    # But what runs the program is the library's.
    out = python.output("import asyncio, socket\nprint(await get_weather(city='x'), socket.Any, asyncio.run.__name__)")
    assert out == "own socket\n{'city': 'x', 'temp_c': 7} 1 run\n"


def test_its_own_loop_runs(python):
    """The form in which a client sends a program without tools, and what models write from habit."""
    out = python.output("""import asyncio
async def __user_main__():
    print(await asyncio.gather(get_weather(city="a"), add_numbers(a=1, b=2)))
if __name__ == "__main__":
    asyncio.run(__user_main__())
    asyncio.run(__user_main__())
    loop = asyncio.new_event_loop()
    print(loop.run_until_complete(echo_input(x=1)))
    loop.close()
""")
    assert out == "[{'city': 'a', 'temp_c': 7}, 3]\n" * 2 + "{'x': 1}\n"
    done = python.run("x = await echo_input()\nasyncio.run(echo_input())")
    assert "RuntimeError: asyncio.run() cannot be called from a running event loop" in done.stderr


def test_an_import_that_needs_a_loop_finds_one(python):
    (python.data / "helper.py").write_text("import asyncio\nasync def nap():\n    await asyncio.sleep(0)\n    return 'slept'\n")
    (python.data / "random.py").write_text("from helper import nap")
    (python.data / "lib").mkdir()
    (python.data / "lib" / "zlib_.py").write_text("from helper import nap")
    for line in ("import helper; nap = helper.nap", "from helper import *", "import re, helper as h; nap = h.nap",
                 "nap = __import__('helper').nap", "from random import nap",
                 "from math import floor; from helper import nap", "import sys\nsys.path.append('lib')\nfrom zlib_ import nap"):
        assert python.output(f"{line}\nprint(await nap(), await echo_input())") == "slept {}\n", line


def test_what_is_not_awaited_is_said(python):
    done = python.run("get_weather(city='x')\nprint('end')")
    assert done.stdout == "end\n"
    assert "RuntimeWarning: coroutine 'get_weather' was never awaited" in done.stderr


def test_an_interrupt_ends_it(python):
    done = python.run("await echo_input()\nimport signal\nsignal.raise_signal(signal.SIGINT)\nawait echo_input()\nprint('not reached')")
    assert done.returncode == -signal.SIGINT
    assert done.stdout == ""
    assert done.stderr.endswith("KeyboardInterrupt\n")


def test_exit_codes_pass_through_a_loop(python):
    for mention in ("", "# asyncio\n"):
        done = python.run(mention + "await echo_input()\nimport atexit\natexit.register(print, 'bye')\nsys.exit(9)")
        assert (done.returncode, done.stdout, done.stderr) == (9, "bye\n", "")
