"""What a zygote runs before it waits for programs (zygote_module.cc), in a namespace of its own.

It loads modules that programs want and puts them out of sight. One of them enters sys.modules when a program first
imports it, and brings along what its import brings along in a Python that has loaded nothing: which module imports which
is recorded while they are loaded. So do its other marks, as filters of warnings and finders. A file of the program's own
that has the name of one of them is found first, as sys.path says.

What a program could come across runs under the name that importlib's own frames have, which Python keeps out of
tracebacks.
"""
import sys

_LIGHT = """
abc array ast base64 binascii bisect calendar cmath collections collections.abc concurrent.futures
concurrent.futures.thread contextlib contextvars copy csv dataclasses datetime decimal enum errno fractions functools
getpass glob hashlib heapq hmac html inspect io itertools json keyword linecache locale logging math numbers opcode
operator os pathlib pickle platform pprint queue random re reprlib secrets select selectors shlex shutil signal sqlite3
statistics stat string struct subprocess tempfile textwrap threading time timeit traceback types typing unicodedata
urllib.parse uuid warnings weakref xml.etree.ElementTree zlib zoneinfo
""".split()
# A program with tools awaits them.
_TOOLS = ["asyncio"]
# Those first that use others in ways that only a first use shows (numpy loads its parts when they are asked for).
_DATA = """
numpy matplotlib.pyplot pandas seaborn numpy.linalg numpy.random numpy.fft matplotlib.dates matplotlib.patches
matplotlib.ticker matplotlib.backends.backend_agg pandas.plotting._matplotlib PIL.Image PIL.PngImagePlugin openpyxl
""".split()

_RUNTIME = '''
def _make(original, kept, order, effects, calls, mended, bound, loaded, baseline, finders):
    modules, path, meta_path = sys.modules, sys.path, sys.meta_path
    import posix

    # What one import brings along is in sight before another one looks.
    lock = _thread.RLock()
    posix.register_at_fork(after_in_child=lock._at_fork_reinit)

    def first_of(effect):
        return effect[0]

    def own():
        """First parts of names that sys.path finds before the interpreter's own directories."""
        names = set()
        for directory in path:
            if directory in baseline:
                break
            try:
                names.update(name.partition(".")[0] for name in posix.listdir(directory or "."))
            except OSError:
                pass
        return names

    def foreign(name):
        for finder in meta_path:
            if finder in finders or not hasattr(finder, "find_spec"):
                continue
            parent = modules.get(name.rpartition(".")[0])
            if finder.find_spec(name, getattr(parent, "__path__", None), None) is not None:
                return True
        return False

    def show(name):
        module = modules[name] = kept.pop(name)
        if name in bound:
            parent, attribute = bound.pop(name)
            setattr(parent, attribute, module)

    def restore(name):
        taken = own()
        if name.partition(".")[0] in taken or foreign(name):
            return None
        pending, seen, shown = [name], set(), []
        while pending:
            current = pending.pop()
            if current in seen or current not in kept or current.partition(".")[0] in taken:
                continue
            parent = current.rpartition(".")[0]
            if parent in kept:
                pending += current, parent
                continue
            seen.add(current)
            if current != name and current in loaded and foreign(current):
                continue
            show(current)
            shown.append(current)
            pending.extend(reversed(order.get(current, ())))
        # In the order in which they came about, which is not that of the names.
        for _, place, item, first in sorted(sum([effects.pop(current, []) for current in shown], []), key=first_of):
            if isinstance(place, list):
                place.insert(0 if first else len(place), item)
            else:
                place.setdefault(item, first)
        for current in shown:
            for register, arguments, named in calls.pop(current, ()):
                register(*arguments, **named)
                if "after_in_child" in named:
                    named["after_in_child"]()  # this process is one
            if current in mended:
                mended.pop(current)(modules[current])
        return modules[name]

    def _find_and_load_unlocked(name, import_):
        if name in kept:
            parent = name.rpartition(".")[0]
            if parent and parent not in modules:
                _call_with_frames_removed(import_, parent)
                if name in modules:
                    return modules[name]
            if not parent or bound_parent(name, parent):
                with lock:
                    module = modules[name] if name in modules else restore(name)
                if module is not None:
                    return module
        return original(name, import_)

    def bound_parent(name, parent):
        return name not in bound or bound[name][0] is modules.get(parent)

    return _find_and_load_unlocked
'''


_MACHINERY = None, "_frozen_importlib", "importlib._bootstrap", "importlib._bootstrap_external"


class _Recorder:
    """Sees which module brings in which, and what else each of them leaves behind."""

    def __init__(self):
        self.order = {}  # name: what its import needs, in order
        self.effects = {}  # name: [(number, list, item, at the front) or (number, dict, key, value)]
        self.count = 0
        self.seen_loggers = set()
        self.loading = []
        self.names = {}  # name: what is in the module when it is loaded
        import _frozen_importlib
        import builtins
        import os
        import _warnings
        import atexit

        self.importlib, self.builtins, self.os = _frozen_importlib, builtins, os
        self.lists = [_warnings.filters, sys.meta_path, sys.path_hooks, sys.path]
        self.start = [list(items) for items in self.lists]
        self.environment = dict(os.environ)
        self.seen_lists = [list(items) for items in self.lists]
        self.seen_environment = dict(os.environ)
        self.known = set(sys.modules)
        # What a module wants done in every child and at the end is done for programs that have imported it.
        self.calls = {}  # name: [(function that registers, arguments, keywords)]
        self.registers = (os, "register_at_fork", os.register_at_fork), (atexit, "register", atexit.register)
        for place, attribute, register in self.registers:
            setattr(place, attribute, self.later(register))
        self.original = _frozen_importlib._find_and_load_unlocked
        self.original_import = builtins.__import__
        self.original_by_name = _frozen_importlib._gcd_import
        _frozen_importlib._find_and_load_unlocked = self.load
        _frozen_importlib._gcd_import = self.imported_by_name
        builtins.__import__ = self.imported

    def later(self, register):
        def call(*arguments, **named):
            self.calls.setdefault(self.loading[-1] if self.loading else "", []).append((register, arguments, named))
            return arguments[0] if arguments else None

        return call

    def stop(self):
        for place, attribute, register in self.registers:
            setattr(place, attribute, register)
        self.effects = {name: [self.latest(effect) for effect in effects if self.lasts(effect)]
                        for name, effects in self.effects.items()}
        self.importlib._gcd_import = self.original_by_name
        self.importlib._find_and_load_unlocked = self.original
        self.builtins.__import__ = self.original_import
        for items, start in zip(self.lists, self.start):
            items[:] = start
        for name in set(self.os.environ) - set(self.environment):
            del self.os.environ[name]
        self.os.environ.update(self.environment)
        self.loggers().clear()
        if hasattr(__import__("_warnings"), "_filters_mutated"):
            __import__("_warnings")._filters_mutated()

    @staticmethod
    def loggers():
        module = sys.modules.get("logging")
        return module.Logger.manager.loggerDict if hasattr(module, "getLogger") else {}

    def needs(self, importer, name):
        if importer != name:
            self.order.setdefault(importer, {})[name] = None

    def load(self, name, import_):
        if self.loading:
            self.look(self.loading[-1])
            self.needs(self.loading[-1], name)
        self.loading.append(name)
        loaded = False
        try:
            module = self.original(name, import_)
            loaded = True
            if name not in self.known:  # or its parent has put it there
                self.names[name] = set(getattr(module, "__dict__", ()))
        finally:
            self.loading.pop()
            self.known.add(name)
            self.look(name if loaded or not self.loading else self.loading[-1])
        return module

    def comes(self, name):
        """Whether a module is there because it is being loaded, and not put there by its parent, which comes first."""
        if name not in self.loading:
            return False
        return name.rpartition(".")[0] not in self.loading[self.loading.index(name):]

    def note(self, name, *effect):
        self.count += 1
        self.effects.setdefault(name, []).append((self.count, *effect))

    @staticmethod
    def lasts(effect):
        """Whether an effect was not taken back later."""
        _, place, item, value = effect
        if isinstance(place, list):
            return any(item is it for it in place)
        return item in place and (not isinstance(value, str) or place[item] == value)

    def latest(self, effect):
        """A logger takes the place of what stood for it as the parent of others."""
        number, place, item, value = effect
        return (number, place, item, place[item]) if place is self.loggers() else effect

    def look(self, name):
        """What is new since the last look is this module's."""
        for new in [new for new in sys.modules if new not in self.known and not self.comes(new)]:
            self.known.add(new)
            self.needs(name, new)
        for items, seen in zip(self.lists, self.seen_lists):
            if items == seen:
                continue
            before = {id(item) for item in seen}
            new = [(index, item) for index, item in enumerate(items) if id(item) not in before]
            for _, item in reversed([entry for entry in new if entry[0] < len(new)]):
                self.note(name, items, item, True)
            for _, item in [entry for entry in new if entry[0] >= len(new)]:
                self.note(name, items, item, False)
            seen[:] = items
        for key, value in self.os.environ.items():
            if self.seen_environment.get(key) != value:
                self.note(name, self.os.environ, key, value)
                self.seen_environment[key] = value
        loggers = self.loggers()
        for key in [key for key in loggers if key not in self.seen_loggers]:
            self.note(name, loggers, key, loggers[key])
            self.seen_loggers.add(key)

    def imported_by_name(self, name, package=None, level=0):
        module = self.original_by_name(name, package, level)
        if self.loading and getattr(module, "__name__", None) in sys.modules:
            self.needs(self.loading[-1], module.__name__)
        return module

    def imported(self, name, globals=None, locals=None, fromlist=(), level=0):
        module = self.original_import(name, globals, locals, fromlist, level)
        importer = (globals or {}).get("__name__")
        if importer in _MACHINERY and self.loading:
            importer = self.loading[-1]  # a compiled module, which has no frame
        if importer not in self.loading:
            return module
        try:
            if level:
                package = self.importlib._calc___package__(globals)
                name = self.importlib._resolve_name(name, package, level)
        except ImportError:
            return module
        parts = name.split(".")
        for count in range(1, len(parts) + 1):
            if ".".join(parts[:count]) in sys.modules:
                self.needs(importer, ".".join(parts[:count]))
        for item in fromlist or ():
            if f"{name}.{item}" in sys.modules:
                self.needs(importer, f"{name}.{item}")
        return module


def _load(names):
    for name in names:
        try:
            __import__(name)
        except Exception:  # not in this root, or not without something else
            pass


def _draw():
    """What the first figure of a process costs, and the first table."""
    try:
        import io

        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure()
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        axes.plot([1, 2, 3], [0.1, 2, 30], marker="o", label="a line")
        axes.bar([1, 2, 3], [3, 1, 2], alpha=0.5)
        axes.scatter([1, 2, 3], [1, 2, 3])
        axes.set(title="Title", xlabel="x", ylabel="y")
        axes.grid(True)
        axes.legend()
        figure.tight_layout()
        figure.savefig(io.BytesIO(), format="png", dpi=50)

        import pandas

        table = pandas.DataFrame({"a": [1, 2, 3], "b": [1.5, 2.5, None], "c": ["x", "y", "x"]})
        str(table)
        str(table.describe())
        str(table.groupby("c").sum())
        pandas.read_csv(io.StringIO(table.to_csv(index=False)))

        # A font is a file that is open. No program has it, and each finds out again.
        from matplotlib import font_manager

        font_manager._get_font.cache_clear()
    except Exception:  # a root without them
        pass


def _mended():
    """What must be different in every process, or was made for this one, done when the module is shown."""
    import os

    def seed_numpy(module):
        module._rand.seed()

    def main_thread(module):
        thread = module.main_thread()
        if hasattr(thread, "_set_native_id"):
            thread._set_native_id()

    def authentication(module):
        key = module.AuthenticationString(os.urandom(32))
        module.current_process().authkey = key

    def configuration(module):
        directory = os.environ.get("MPLCONFIGDIR")
        if directory:
            os.makedirs(directory, exist_ok=True)

    def start_of_time(module):
        import time

        module._startTime = time.time_ns() if isinstance(module._startTime, int) else time.time()

    def threads(module):
        if hasattr(module.utils, "_init_num_threads"):
            module.nthreads = module.utils._init_num_threads()

    return {
        "numexpr": threads,
        "numpy.random.mtrand": seed_numpy,
        "threading": main_thread,
        "multiprocessing.process": authentication,
        "matplotlib": configuration,
        "logging": start_of_time,
    }


def _hide(recorder, baseline):
    """Takes out of sight what has been loaded. Returns what that was, and which attributes of parents went along."""
    kept = {name: module for name, module in sys.modules.items() if name not in baseline}
    bound = {}
    for name, module in kept.items():
        del sys.modules[name]
        parent, _, attribute = name.rpartition(".")
        parent = kept.get(parent) or baseline.get(parent)
        if parent is None or attribute in recorder.names.get(getattr(parent, "__name__", ""), ()):
            continue  # it is there whether the part has been imported or not
        if getattr(parent, "__dict__", {}).get(attribute) is module:
            bound[name] = parent, attribute
    for parent, attribute in bound.values():
        delattr(parent, attribute)
    return kept, bound


def load():
    """Loads and hides. Returns the first parts of the names of what is out of sight, a line each."""
    import os

    path, finders = frozenset(sys.path), list(sys.meta_path)
    baseline = dict(sys.modules)
    import gc

    # It starts threads when it is loaded, which no fork copies: each program's are started when it is shown.
    os.environ["NUMEXPR_NUM_THREADS"] = "1"
    recorder = _Recorder()
    # The large ones first: what their compiled parts import is seen only when that is new.
    if DATA:  # noqa: F821: the zygote's
        _load(_DATA)
        _draw()
    _load(_LIGHT)
    if not sys.argv[0].endswith("/main.py"):
        _load(_TOOLS)
    recorder.stop()
    del os.environ["NUMEXPR_NUM_THREADS"]
    # What it makes when it is asked for; who has asked was no program.
    typing = sys.modules["typing"].__dict__
    for name in set(typing) - recorder.names["typing"]:
        del typing[name]
    if "tempfile" in sys.modules:
        sys.modules["tempfile"].tempdir = sys.modules["tempfile"]._name_sequence = None
    # One for all finalizers there are, of which a program has none yet.
    finalize = getattr(sys.modules.get("weakref"), "finalize", None)
    if finalize is not None and not finalize._registry:
        finalize._registered_with_atexit = False
        for calls in recorder.calls.values():
            calls[:] = [call for call in calls if call[1] != (finalize._exitfunc,)]
    mended = _mended()
    kept, bound = _hide(recorder, baseline)
    space = recorder.importlib.__dict__
    local = {}
    exec(compile(_RUNTIME, "<frozen importlib._bootstrap>", "exec"), space, local)
    space["_find_and_load_unlocked"] = local["_make"](
        recorder.original, kept, recorder.order, recorder.effects, recorder.calls, mended, bound, recorder.names, path,
        finders
    )
    # This namespace outlives the interpreter, and with it all that it holds.
    own = [module for name, module in [*baseline.items(), *kept.items()] if name != "__main__"]
    globals()["_held"] = own, {id(module) for module in own}, recorder, (kept, bound, mended), gc
    names = "\n".join(sorted({name.partition(".")[0] for name in kept}))
    gc.collect()
    gc.freeze()
    return names


def leave():
    """At the end of a program, when its modules are about to be taken down: the zygote's need not be."""
    import _io

    _, own, _, _, gc = _held  # noqa: F821
    # A file that one of those modules holds is not closed with it.
    for held in gc.get_objects():
        if type(held) in (_io.TextIOWrapper, _io.BufferedWriter, _io.BufferedRandom):
            try:
                held.flush()
            except Exception:
                pass  # closed, or full: if that can be told, it will be when it is closed
    modules = sys.modules
    for name in [name for name, module in modules.items() if id(module) in own]:
        del modules[name]


def begin():
    """In a program: what an interpreter does before it runs a file. Returns its path."""
    import os
    from _frozen_importlib_external import SourceFileLoader

    path = sys.argv[0]
    if not getattr(sys.flags, "safe_path", False):
        sys.path.insert(0, os.path.dirname(path))
    # One of its own: the garbage collector leaves alone what the zygote has made, and with it all that hangs on it.
    main = type(sys)("__main__")
    main.__dict__.update(sys.modules["__main__"].__dict__)
    sys.modules["__main__"] = main
    main.__dict__.update(
        __loader__=SourceFileLoader("__main__", path), __file__=path, __cached__=None
    )
    return path
