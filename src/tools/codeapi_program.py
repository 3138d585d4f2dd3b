"""Runs a file as Python runs a script, with three differences: `await` may stand at the top, the tools are functions,
and some modules are there without an import.

The frames of this directory are kept out of what is shown of an error. What a program does not mention is not imported:
asyncio alone takes longer to load than an interpreter takes to start.
"""
import os
import sys

import codeapi_calls
from codeapi_calls import HERE

_ALLOW_TOP_LEVEL_AWAIT = 0x2000  # ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_COROUTINE = 0x80  # inspect.CO_COROUTINE
_TYPES = ("Any", "Dict", "List", "Optional", "Union")
_PROGRAM = "CODEAPI_PROGRAM"  # a variable: where load_again finds the program
# Modules with nothing to await, which import none that has.
_SYNCHRONOUS = frozenset(
    "base64 bisect collections copy csv dataclasses datetime decimal enum fractions functools glob hashlib heapq io "
    "itertools json math operator os pathlib random re shutil statistics string sys tempfile textwrap time typing "
    "uuid zlib".split()
)
# What could bring in something else to await.
_NEEDING_CARE = (b"asyncio", b"yield", b"__await__", b"coroutine", b"exec", b"eval", b"sys.path", b"sys.modules")


def run(main):
    """Runs the file sys.argv[1] in the module `main`, which is __main__."""
    del sys.argv[0]
    code = None
    try:
        code, asyncio = _prepare(main.__dict__, sys.argv[0])
        _execute(code, main.__dict__, asyncio)
    except SystemExit:
        raise
    except BaseException:
        # To be shown by the interpreter, at its time and in its way.
        _hide_our_frames(code)
        raise


def load_again(space):
    """Runs the program in `space`, the namespace of a child's main module."""
    code, asyncio = _prepare(space, os.environ[_PROGRAM])
    _execute(code, space, asyncio)


def _prepare(space, path):
    """Compiles the program and fills its namespace. Returns its code, and asyncio if that has to run it."""
    with open(path, "rb") as file:
        source = file.read()
    code = compile(source, path, "exec", _ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    directory = os.path.dirname(path)
    before = set(sys.modules)
    names = _imported(source)
    asyncio = None
    if code.co_flags & _COROUTINE and not _awaits_only_tools(source, directory):
        import asyncio

        before.update(name for name in sys.modules if name.partition(".")[0] == "asyncio")  # it is being used
    if b"pd" in source:
        names["pd"] = _pandas(space)
    # From here on the program's own files come first, as they do for a script.
    _search(directory, before)
    for name in [name for name in space if not name.startswith("__")]:
        del space[name]
    space.update(__file__=path, __doc__=None, __loader__=type(codeapi_calls.__loader__)("__main__", path))
    space.update(names)
    space.update(codeapi_calls.FUNCTIONS)
    if b"multiprocessing" in source or b"concurrent" in source:
        # Children that are not forked import the main module by its name, and nothing else says whose it is.
        os.environ[_PROGRAM] = os.path.abspath(path)
        space["__spec__"] = type(codeapi_calls.__spec__)("codeapi_spawned", None, origin=path)
    return code, asyncio


def _execute(code, space, asyncio):
    running = eval(code, space)
    if asyncio is not None:
        asyncio.run(running)
    elif code.co_flags & _COROUTINE:
        _await_tools(running)


def _await_tools(running):
    """Runs a coroutine that needs no loop: without one, calls block."""
    try:
        running.send(None)
        while True:
            running.throw(RuntimeError("await was used with something that is no tool and needs asyncio"))
    except StopIteration:
        pass


def _imported(source):
    """What is there without an import, as far as the program mentions it."""
    names = {"os": os, "sys": sys}
    everything = b"exec" in source or b"eval" in source
    if everything or b"json" in source:
        import json

        names["json"] = json
    if everything or b"asyncio" in source:
        import asyncio

        names["asyncio"] = asyncio
    if everything or any(name.encode() in source for name in _TYPES):
        import typing

        names.update((name, getattr(typing, name)) for name in _TYPES)
    return names


def _pandas(space):
    """A module that becomes pandas when it is used."""

    class Module(type(sys)):
        def __getattr__(self, name):
            import pandas

            if space.get("pd") is self:
                space["pd"] = pandas
            return getattr(pandas, name)

    return Module("pandas")


def _awaits_only_tools(source, directory):
    """Whether it is certain that the program needs no event loop: it awaits tools and functions of its own only."""
    if any(word in source for word in _NEEDING_CARE):
        return False
    for line in source.splitlines():
        if b"import" not in line:
            continue
        if b";" in line:
            return False
        words = line.decode("latin-1").replace(",", " , ").split()
        if words[0] == "from" and len(words) > 3 and words[2] == "import":
            modules = [words[1]]
        elif words[0] == "import" and "as" not in words:
            modules = words[1::2]
        else:
            return False
        for module in modules:
            module = module.partition(".")[0]
            beside = os.path.join(directory, module)
            if module not in _SYNCHRONOUS or os.path.exists(beside) or os.path.exists(beside + ".py"):
                return False
    return True


def _search(directory, before):
    """Makes sys.path a script's, and lets this process and its children find codeapi_tools at the end of it."""
    if sys.path and sys.path[0] == HERE:
        del sys.path[0]
    if not getattr(sys.flags, "safe_path", False):
        sys.path.insert(0, directory)
    if HERE not in sys.path:
        sys.path.append(HERE)
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if HERE not in paths:
        os.environ["PYTHONPATH"] = os.pathsep.join([path for path in paths if path] + [HERE])
    # What we have imported must not keep the program from importing a file of its own by that name.
    try:
        own = {name.removesuffix(".py") for name in os.listdir(directory or ".")}
    except OSError:
        return
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in own:
            del sys.modules[name]


def _hide_our_frames(code):
    hook = sys.excepthook

    def show(kind, error, trace):
        _trim_chain(error, code, set())
        sys.last_traceback = error.__traceback__
        sys.excepthook = hook
        hook(kind, error, error.__traceback__)

    sys.excepthook = show


def _trim_chain(error, code, seen):
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        error.__traceback__ = _trim(error.__traceback__, code)
        _trim_chain(error.__cause__, code, seen)
        error = error.__context__


def _trim(trace, code):
    """Without what comes before the program's first frame, and without frames of ours."""
    frames = []
    while trace is not None:
        if trace.tb_frame.f_code is code:
            frames = []
        if not trace.tb_frame.f_code.co_filename.startswith(HERE + os.sep):
            frames.append(trace)
        trace = trace.tb_next
    for frame, following in zip(frames, frames[1:] + [None]):
        frame.tb_next = following
    return frames[0] if frames else None
