"""Small Python programs that look at everything a warm start could change.

{name: code}, or {name: (code, members of the request)}. Each prints what it finds; none depends on the time, on
addresses or on random numbers.
"""

import re
import textwrap

# What a zygote has loaded; each must be, and bring along, what it is and brings along in a Python that has loaded
# nothing.
MODULES = """
abc argparse array ast asyncio base64 binascii bisect bz2 calendar cmath collections collections.abc concurrent.futures
configparser contextlib contextvars copy csv dataclasses datetime decimal difflib email.message enum errno fractions
functools getpass glob gzip hashlib heapq hmac html html.parser importlib.metadata inspect io itertools json keyword
linecache locale logging lzma math mimetypes numbers opcode operator os pathlib pickle platform pprint queue random re
reprlib secrets select selectors shlex shutil signal socket sqlite3 statistics stat string struct subprocess tarfile
tempfile textwrap threading time timeit traceback types typing unicodedata urllib.parse urllib.request uuid warnings
weakref xml.etree.ElementTree zipfile zlib zoneinfo
multiprocessing concurrent.futures.process unittest http.client xml.dom.minidom ctypes turtle antigravity_is_not_there
""".split()

IMPORT = """
import importlib, sys
before = set(sys.modules)
try:
    module = importlib.import_module({name!r})
except ImportError as error:
    print(type(error).__name__, error, error.name)
else:
    print(sorted(set(sys.modules) - before))
    print(sorted(name for name in vars(module) if not name.startswith("__")))
    print(module.__name__, module.__spec__.name, type(module.__spec__.loader), module.__spec__.origin, module.__file__
          if hasattr(module, "__file__") else None)
    parent = sys.modules.get({name!r}.rpartition(".")[0])
    print(parent is None or getattr(parent, {name!r}.rpartition(".")[2]) is module)
"""

PROGRAMS = {f"import {name}": IMPORT.format(name=name) for name in MODULES}
PROGRAMS.update({f"alone {name}": f"import {name}\nimport sys\nprint(sorted(sys.modules))\n" for name in
                 "json random asyncio threading logging urllib.request xml.etree.ElementTree sqlite3".split()})


def program(text, **request):
    return textwrap.dedent(text).lstrip("\n"), request


PROGRAMS.update({
    "nothing": program(""),
    "modules": program("import sys; print(sorted(sys.modules))"),
    "names": program("print(sorted(globals())); print(__name__, __file__, __doc__, __package__, __spec__, __cached__)"),
    "loader": program("print(type(__loader__), __loader__.name, __loader__.path, __loader__.get_filename())"),
    "builtins": program("import builtins; print(sorted(vars(builtins))); print(__builtins__)"),
    "annotations": program("x: int = 1\nprint(__annotations__)"),
    "dir sys": program("import sys; print(sorted(vars(sys)))"),
    "sys": program("""
        import sys
        for name in ("argv", "orig_argv", "path", "meta_path", "path_hooks", "flags", "executable", "prefix", "exec_prefix",
                     "base_prefix", "warnoptions", "_xoptions", "byteorder", "maxsize", "version", "platform", "platlibdir",
                     "dont_write_bytecode", "pycache_prefix", "implementation", "hash_info", "float_info", "thread_info",
                     "stdlib_module_names", "builtin_module_names", "excepthook", "displayhook", "unraisablehook"):
            value = getattr(sys, name, None)
            print(name, sorted(value) if isinstance(value, frozenset) else value if not callable(value) else
                  getattr(value, "__name__", value))
        print(sys.getrecursionlimit(), sys.getswitchinterval(), sys.getdefaultencoding(), sys.getfilesystemencoding())
        print(sys.gettrace(), sys.getprofile(), sys.is_finalizing(), sys.getallocatedblocks() > 1000)
    """),
    "importer cache": program("""
        import sys
        print(sorted(name for name in sys.path_importer_cache if "codeapi" in name or "/tmp" in name))
    """),
    "streams": program("""
        import sys
        for name in "stdin", "stdout", "stderr":
            stream = getattr(sys, name)
            print(name, stream.name, stream.mode, stream.encoding, stream.errors, stream.line_buffering,
                  stream.write_through, stream.isatty(), stream.fileno(), stream.newlines, type(stream.buffer).__name__,
                  stream is getattr(sys, f"__{name}__"), stream.readable(), stream.writable())
            try:
                print(stream.seekable())
            except OSError as error:
                print(error)
    """),
    "environment": program("import os; print(sorted(os.environ.items()))"),
    "environment of the process": program("""
        import os, posix
        print(sorted(part for part in open("/proc/self/environ", "rb").read().split(b"\\0") if part))
        print(sorted(posix.environ.items()), sorted(os.environb.items()))
    """),
    "environment of a child": program("import subprocess; print(subprocess.run(['env'], capture_output=True).stdout)"),
    "command line": program("print(open('/proc/self/cmdline', 'rb').read(), open('/proc/self/comm').read())"),
    "python variables of a child": program("""
        import os, subprocess, sys
        code = "import sys, os; print(sorted(sys.modules), sys.flags, sorted(os.environ))"
        print(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout)
    """),
    "names of the machine": program("import platform, socket; print(platform.uname(), platform.node(), socket.gethostname())"),
    "process": program("""
        import os
        print(os.getpid(), os.getppid(), os.getpgid(0), os.getsid(0), os.getcwd(), os.getuid() == os.geteuid())
        print(os.getgroups(), os.nice(0), oct(os.umask(0)), os.sched_getaffinity(0), os.cpu_count())
        print(os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0), os.readlink("/proc/self/exe"))
    """),
    "status": program("""
        keep = ("Umask", "Pid", "PPid", "NStgid", "NSsid", "Threads", "SigBlk", "SigIgn", "SigCgt", "CapInh", "CapPrm",
                "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters", "Groups", "TracerPid",
                "CoreDumping", "Speculation_Store_Bypass", "SpeculationIndirectBranch", "Cpus_allowed", "SigQ")
        for line in open("/proc/self/status"):
            if line.split(":")[0] in keep:
                print(line.split("/")[-1].rstrip() if line.startswith("SigQ") else line.rstrip())
    """),
    "limits": program("print(open('/proc/self/limits').read()); print(open('/proc/self/oom_score_adj').read())"),
    "descriptors": program("""
        import os
        for fd in sorted(map(int, os.listdir("/proc/self/fd"))):
            try:
                print(fd, os.readlink(f"/proc/self/fd/{fd}").split(":")[0])
            except OSError:
                print(fd, "that of the list")
    """),
    "children": program("import os; print(sorted(name for name in os.listdir('/proc') if name.isdigit()))"),
    "namespaces": program("""
        import os
        print(sorted(os.listdir("/proc/self/ns")))
        print(open("/proc/self/cgroup").read(), open("/proc/net/dev").read().count(chr(10)))
        print(sorted(line.split()[4] for line in open("/proc/self/mountinfo")))
        print(open("/proc/self/uid_map").read().split()[2] != "", os.uname().nodename)
    """),
    "files": program("""
        import os
        for top in "/mnt/data", "/tmp", "/dev/shm", "/var/tmp":
            print(top, sorted(os.listdir(top)), oct(os.stat(top).st_mode))
        print(sorted(os.listdir("/")), os.access("/", os.W_OK))
    """),
    "maps": program("""
        names = {line.split()[5] for line in open("/proc/self/maps") if len(line.split()) > 5}
        print(sorted(name for name in names if name.startswith(("/mnt", "[heap", "[stack"))))
    """),
    "frames": program("""
        import inspect, sys, traceback
        def deep():
            print([frame.function for frame in inspect.stack()])
            traceback.print_stack(file=sys.stdout)
            frame, count = sys._getframe(), 0
            while frame:
                frame, count = frame.f_back, count + 1
            print(count)
        deep()
    """),
    "recursion": program("""
        import sys
        def f(n):
            try:
                return f(n + 1)
            except RecursionError:
                return n
        print(f(0))
    """),
    "traceback": program("def f():\n    return 1 / 0\n\n\nf()\n"),
    "chained": program("""
        try:
            {}["x"]
        except KeyError as error:
            raise ValueError("outer") from error
    """),
    "syntax error": program("x = = 1\n"),
    "indentation error": program("if True:\nx = 1\n"),
    "encoding error": program("# coding: latin-99\nx = 1\n"),
    "null byte": program("x = 'a\\0b'\nprint(len(x))\n"),
    "import error": program("import does_not_exist\n"),
    "import error of a part": program("import json.does_not_exist\n"),
    "name of a module": program("from json import does_not_exist\n"),
    "attribute of a module": program("import xml\ntry:\n    xml.etree\nexcept AttributeError as error:\n    print(error)\n"),
    "part without import": program("""
        import concurrent, importlib, os, email
        for module, name in ((concurrent, "futures"), (importlib, "metadata"), (email, "message"), (os, "path")):
            print(module.__name__, name, hasattr(module, name))
    """),
    "error in a module": program("""
        open("broken.py", "w").write("import json\\n1 / 0\\n")
        import broken
    """),
    "error in a package": program("""
        import os
        os.mkdir("pack")
        open("pack/__init__.py", "w").write("from . import inner\\n")
        open("pack/inner.py", "w").write("import missing_thing\\n")
        import pack
    """),
    "own module": program("""
        open("helper.py", "w").write("import random, sys\\nvalue = __name__, __file__, sorted(vars())\\n")
        import helper
        print(helper.value, helper.__spec__, helper.__cached__)
    """),
    "own json": program("""
        open("json.py", "w").write("mine = True\\n")
        import json
        print(json.__file__, vars(json).get("mine"), hasattr(json, "dumps"))
    """),
    "own directory first": program("""
        import os, sys
        os.mkdir("lib")
        open("lib/random.py", "w").write("mine = True\\n")
        sys.path.insert(0, "lib")
        import random
        print(random.__file__, random.mine)
    """),
    "own directory last": program("""
        import os, sys
        os.mkdir("lib")
        open("lib/random.py", "w").write("mine = True\\n")
        sys.path.append("lib")
        import random
        print(hasattr(random, "mine"))
    """),
    "own finder": program("""
        import sys
        class Finder:
            def find_spec(self, name, path=None, target=None):
                print("asked for", name, path)
        sys.meta_path.insert(0, Finder())
        import textwrap
        print(textwrap.dedent("  x"))
    """),
    "own package of that name": program("""
        import os, sys
        os.mkdir("xml")
        open("xml/__init__.py", "w").write("")
        try:
            import xml.etree
        except ImportError as error:
            print(type(error).__name__, error)
        import xml
        print(xml.__file__)
    """),
    "again": program("""
        import sys, json
        first = json
        del sys.modules["json"]
        import json
        print(json is first, json.dumps([1]))
        import importlib
        print(importlib.reload(json) is json)
    """),
    "find_spec": program("""
        import importlib.util, sys
        for name in "json", "random", "asyncio.tasks", "missing", "math", "_json":
            spec = importlib.util.find_spec(name)
            print(name, spec and (spec.name, spec.origin, type(spec.loader), spec.cached), name in sys.modules)
    """),
    "pkgutil": program("""
        import pkgutil
        print(sorted(name for _, name, _ in pkgutil.iter_modules() if name in ("json", "random", "asyncio", "zoneinfo")))
    """),
    "lazy import": program("""
        import importlib.util, sys
        spec = importlib.util.find_spec("fractions")
        loader = importlib.util.LazyLoader(spec.loader)
        spec.loader = loader
        module = importlib.util.module_from_spec(spec)
        sys.modules["fractions"] = module
        loader.exec_module(module)
        print(module.Fraction(1, 3))
    """),
    # Not of collections, which a Python that starts cold imports in a way that threads can break.
    "import in threads": program("""
        import collections, threading
        def load(name):
            __import__(name)
        threads = [threading.Thread(target=load, args=(name,)) for name in
                   ("asyncio", "sqlite3", "decimal", "unittest", "email.message", "xml.etree.ElementTree") * 3]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        import sys
        print([name in sys.modules for name in ("asyncio.tasks", "sqlite3.dbapi2", "decimal", "email.message")])
    """),
    "star": program("from os.path import *\nfrom json import *\nprint(join('a', 'b'), dumps(1))"),
    "exit 0": program("raise SystemExit"),
    "exit 3": program("import sys; print('x'); sys.exit(3)"),
    "exit None": program("import sys; sys.exit(None)"),
    "exit text": program("import sys; sys.exit('an error')"),
    "exit tuple": program("import sys; sys.exit((1, 2))"),
    "exit negative": program("import sys; sys.exit(-1)"),
    "exit 256": program("import sys; sys.exit(256)"),
    "exit large": program("import sys; sys.exit(2 ** 40)"),
    "exit larger": program("import sys; sys.exit(2 ** 80)"),
    "exit true": program("import sys; sys.exit(True)"),
    "exit object": program("class E(SystemExit):\n    code = 7\nraise E()"),
    "exit broken": program("""
        class E(SystemExit):
            @property
            def code(self):
                raise ValueError("no")
        raise E("x")
    """),
    "quit": program("quit(4)"),
    "os._exit": program("import os; print('lost?', flush=True); os._exit(9)"),
    "abort": program("import os; os.abort()"),
    "killed": program("import os, signal; os.kill(os.getpid(), signal.SIGTERM)"),
    "killed hard": program("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"),
    "fault": program("import ctypes; ctypes.string_at(0)"),
    "interrupted": program("import os, signal; os.kill(os.getpid(), signal.SIGINT); import time; time.sleep(5)"),
    "interrupt raised": program("raise KeyboardInterrupt"),
    "interrupt as a class of ours": program("class K(KeyboardInterrupt): pass\nraise K('x')"),
    "handler": program("""
        import os, signal
        signal.signal(signal.SIGUSR1, lambda number, frame: print("got", number))
        os.kill(os.getpid(), signal.SIGUSR1)
    """),
    "dispositions": program("""
        import signal
        print([(number, str(signal.getsignal(number))[:40].split(" at ")[0]) for number in sorted(signal.valid_signals())])
        print(signal.pthread_sigmask(signal.SIG_BLOCK, []))
    """),
    "alarm": program("""
        import signal, time
        def late(*_):
            raise TimeoutError("late")
        signal.signal(signal.SIGALRM, late)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        time.sleep(5)
    """),
    "pipe": program("""
        import os, subprocess
        print(subprocess.run("yes | head -1; echo ${PIPESTATUS[@]}", shell=True, executable="/bin/bash",
                             capture_output=True).stdout)
        r, w = os.pipe()
        os.close(r)
        try:
            os.write(w, b"x")
        except BrokenPipeError as error:
            print(error)
    """),
    "atexit": program("""
        import atexit, sys
        atexit.register(print, "first")
        atexit.register(lambda: print("second", sorted(name for name in vars(sys) if "codeapi" in name.lower())))
        print("end")
    """),
    "atexit error": program("import atexit; atexit.register(lambda: 1 / 0); print('end')"),
    "atexit exit": program("import atexit, sys; atexit.register(lambda: sys.exit(5)); print('end')"),
    "finalizers": program("""
        class A:
            def __init__(self, name):
                self.name = name
            def __del__(self):
                print("gone", self.name)
        a = A("global")
        b = A("cycle")
        b.me = b
        import sys
        sys.kept = A("in sys")
        def f(x=A("default")):
            pass
        class B:
            c = A("of a class")
        print("end")
    """),
    "finalizer after an error": program("""
        class A:
            def __del__(self):
                print("gone")
        def f():
            a = A()
            raise ValueError("x")
        f()
    """),
    "finalizer with modules": program("""
        import json, os
        class A:
            def __del__(self, dumps=json.dumps):
                print(dumps({"a": 1}), os.getcwd())
        a = A()
    """),
    "weakref": program("""
        import weakref
        class A: pass
        a = A()
        weakref.finalize(a, print, "finalized")
        r = weakref.ref(a, lambda _: print("callback"))
    """),
    "context": program("""
        import contextvars
        class A:
            def __del__(self):
                open("gone.txt", "w").write("gone")
        v = contextvars.ContextVar("v")
        v.set(A())
    """),
    "thread local": program("""
        import threading
        class A:
            def __del__(self):
                print("gone")
        local = threading.local()
        local.a = A()
    """),
    "unflushed": program("file = open('left.txt', 'w'); file.write('x' * 1000)"),
    "unflushed in a cycle": program("""
        class A: pass
        a = A()
        a.me, a.file = a, open("left.txt", "w")
        a.file.write("y" * 1000)
    """),
    "unflushed on exit": program("import sys; file = open('left.txt', 'w'); file.write('z' * 10); sys.exit(3)"),
    "unflushed in sys": program("import sys; sys.mine = open('left.txt', 'w'); sys.mine.write('s' * 10)"),
    "unflushed in os": program("import os; os.mine = open('left.txt', 'w'); os.mine.write('o' * 10)"),
    "unflushed in a module": program("""
        open("keeper.py", "w").write("file = open('left.txt', 'w')\\nfile.write('k' * 10)\\n")
        import keeper
    """),
    "unflushed C": program("import ctypes; ctypes.CDLL(None).printf(b'from C')"),
    "text without end": program("import sys; sys.stdout.write('no end of line')"),
    "buffered": program("import sys; sys.stdout = open(1, 'w', buffering=4096, closefd=False); print('late')"),
    "own stdout": program("""
        import sys
        class Stream:
            def write(self, text):
                sys.__stdout__.write(text.upper())
            def flush(self):
                raise OSError("no flush")
        sys.stdout = Stream()
        print("hello")
    """),
    "closed stdout": program("import sys; sys.stdout.close()"),
    "closed descriptor": program("import os; os.close(1)"),
    "deleted stdout": program("import sys; del sys.stdout; print('nowhere')"),
    "excepthook": program("""
        import sys
        sys.excepthook = lambda *error: print("hook", error[1])
        1 / 0
    """),
    "excepthook exit": program("""
        import sys
        def hook(*_):
            sys.exit(6)
        sys.excepthook = hook
        1 / 0
    """),
    "excepthook broken": program("import sys; sys.excepthook = None; 1 / 0"),
    "last": program("""
        import atexit, sys
        atexit.register(lambda: print(sys.last_type, sys.last_value))
        1 / 0
    """),
    "threads at exit": program("""
        import threading, time
        def late():
            time.sleep(0.05)
            print("late")
        threading.Thread(target=late).start()
        print("main is over")
    """),
    "daemon at exit": program("""
        import threading, time
        threading.Thread(target=time.sleep, args=(100,), daemon=True).start()
        print("main is over")
    """),
    "busy daemon at exit": program("""
        import threading
        def spin():
            while True:
                pass
        threading.Thread(target=spin, daemon=True).start()
        print("main is over")
    """),
    "thread names": program("""
        import threading
        print(threading.current_thread(), threading.main_thread() is threading.current_thread())
        print(threading.Thread().name, threading.active_count(), threading.main_thread().native_id)
    """.replace("threading.current_thread(), threading.main", "threading.current_thread().name, threading.main")),
    "error in a thread": program("""
        import threading
        thread = threading.Thread(target=lambda: 1 / 0, name="worker")
        thread.start()
        thread.join()
    """),
    "executor": program("""
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(3) as pool:
            print(list(pool.map(lambda x: x * x, range(5))))
    """),
    "executor left": program("""
        from concurrent.futures import ThreadPoolExecutor
        pool = ThreadPoolExecutor(2)
        pool.submit(print, "done")
    """),
    "fork": program("""
        import os, sys
        pid = os.fork()
        if pid == 0:
            print("child", os.getppid())
            sys.exit(5)
        print(os.waitpid(pid, 0)[1])
    """),
    "fork exits": program("""
        import atexit, os
        atexit.register(lambda: print("exit", flush=True))
        if os.fork():
            os.wait()
    """),
    "process by fork": program("""
        import multiprocessing
        def work(queue):
            queue.put([__name__, multiprocessing.current_process().name])
        if __name__ == "__main__":
            context = multiprocessing.get_context("fork")
            queue = context.Queue()
            process = context.Process(target=work, args=(queue,))
            process.start()
            print(queue.get(), process.join(), process.exitcode)
    """),
    "process by spawn": program("""
        import multiprocessing
        def work(number):
            return __name__, number * 2
        if __name__ == "__main__":
            with multiprocessing.get_context("spawn").Pool(2) as pool:
                print(pool.map(work, range(4)))
    """),
    "process by server": program("""
        import multiprocessing
        def work(number):
            return number * 2
        if __name__ == "__main__":
            with multiprocessing.get_context("forkserver").Pool(2) as pool:
                print(pool.map(work, range(4)))
    """),
    "process pool": program("""
        import concurrent.futures, math
        if __name__ == "__main__":
            with concurrent.futures.ProcessPoolExecutor(2) as pool:
                print(list(pool.map(math.sqrt, [1, 4, 9])))
    """),
    "start method": program("import multiprocessing; print(multiprocessing.get_start_method())"),
    "subprocess": program("""
        import subprocess, sys
        print(subprocess.run([sys.executable, "-c", "print(1 + 1)"], capture_output=True, text=True))
        print(subprocess.run("echo $0; exit 3", shell=True, capture_output=True, text=True))
    """),
    "asyncio": program("""
        import asyncio
        async def one(n):
            await asyncio.sleep(0.01 * n)
            return n
        async def main():
            print(await asyncio.gather(*map(one, range(3))))
            process = await asyncio.create_subprocess_exec("echo", "hi", stdout=asyncio.subprocess.PIPE)
            print(await process.communicate())
        asyncio.run(main())
    """),
    "coroutine never awaited": program("async def f(): pass\nf()\n"),
    "warning": program("import warnings; warnings.warn('careful'); warnings.warn('old', DeprecationWarning)"),
    "warning filters": program("import warnings; print(warnings.filters)"),
    "warning filters later": program("import asyncio, unittest, sqlite3, warnings; print(warnings.filters)"),
    "resource warning": program("import warnings; warnings.simplefilter('always'); open('/etc/hostname')"),
    "syntax warning": program("print('\\d')\nx = 1 is 1\n"),
    "future": program("from __future__ import annotations\ndef f(x: Nothing): pass\nprint(f.__annotations__)"),
    "exec": program("exec('import json; print(json.dumps(1))'); print(eval('__name__'))"),
    "runpy": program("""
        import runpy
        open("other.py", "w").write("print(__name__, __file__)\\n")
        runpy.run_path("other.py", run_name="__main__")
    """),
    "main module": program("import sys, __main__; print(__main__ is sys.modules['__main__'], __main__.__file__)"),
    "pickle of main": program("""
        import pickle
        class A:
            def __eq__(self, other):
                return type(self) is type(other)
        print(pickle.loads(pickle.dumps(A())) == A(), b"__main__" in pickle.dumps(A()))
    """),
    "dataclass": program("from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\nprint(P(1))"),
    "help": program("import pydoc, json; print(pydoc.render_doc(json.dumps)[:200])"),
    "inspect source": program("import inspect\ndef f():\n    return 1\nprint(inspect.getsource(f))"),
    "logging": program("import logging; logging.warning('careful'); logging.basicConfig(level=10); logging.debug('d')"),
    "loggers": program("import logging; print(logging.root, logging.root.handlers, list(logging.Logger.manager.loggerDict))"),
    "locale": program("""
        import locale
        print(locale.getlocale(), locale.getpreferredencoding(), locale.localeconv()["decimal_point"])
        print(locale.setlocale(locale.LC_ALL))
    """),
    "time zone": program("import time, datetime; print(time.tzname, time.timezone, datetime.datetime.now().astimezone().tzname())"),
    "temporary": program("""
        import os, tempfile
        print(tempfile.gettempdir(), tempfile.gettempprefix())
        with tempfile.TemporaryDirectory() as name:
            print(os.path.dirname(name), os.listdir(name))
        with tempfile.NamedTemporaryFile() as file:
            print(os.path.dirname(file.name))
    """),
    "temporary left": program("import tempfile; d = tempfile.TemporaryDirectory(); print('left')"),
    "decimal": program("import decimal; print(decimal.getcontext()); print(decimal.Decimal(1) / 3)"),
    "seeded": program("import random; random.seed(1); print(random.random(), random.sample(range(100), 5))"),
    "hash": program("print(hash(1), hash(1.5), hash(()), hash((1, 2)))"),
    "gc": program("import gc; print(gc.isenabled(), gc.get_threshold(), gc.get_debug(), gc.callbacks, gc.garbage)"),
    "trace": program("""
        import sys
        seen = []
        sys.settrace(lambda frame, event, arg: seen.append((frame.f_code.co_name, event)))
        def f():
            return 1
        f()
        sys.settrace(None)
        print(seen)
    """),
    "profile": program("import cProfile; cProfile.run('sum(range(10))', 'out.prof'); print(open('out.prof', 'rb').read(1))"),
    "tracemalloc": program("import tracemalloc; print(tracemalloc.is_tracing()); tracemalloc.start(); print(tracemalloc.is_tracing())"),
    "faulthandler": program("import faulthandler; print(faulthandler.is_enabled())"),
    "audit": program("import sys; sys.addaudithook(lambda name, args: name == 'open' and print(name, args[0])); open('/etc/hostname')"),
    "ctypes": program("import ctypes; print(ctypes.pythonapi.Py_IsInitialized(), ctypes.CDLL(None).getpid())"),
    "preloaded libraries": program("import os; print(os.environ.get('LD_PRELOAD'), os.path.exists('/etc/ld.so.preload'))"),
    "sqlite": program("import sqlite3; c = sqlite3.connect('a.db'); c.execute('create table t(x)'); c.commit(); print(c.execute('select count(*) from t').fetchall())"),
    "zip": program("import zipfile; zipfile.ZipFile('a.zip', 'w').writestr('b', 'c'); print(zipfile.ZipFile('a.zip').namelist())"),
    "zip on the path": program("""
        import sys, zipfile
        zipfile.ZipFile("lib.zip", "w").writestr("inzip.py", "value = 5")
        sys.path.insert(0, "lib.zip")
        import inzip
        print(inzip.value, inzip.__file__)
    """),
    "big output": program("print('x' * 60_000)"),
    "too much output": program("while True: print('x' * 1000)"),
    "both streams": program("import sys\nfor i in range(50): print(i); print(-i, file=sys.stderr)"),
    "unicode": program("print('Grüße, 世界 🎉'); import sys; sys.stdout.buffer.write(b'\\xff\\xfe\\n')"),
    "stdin": program("print(input()); import sys; print(sys.stdin.read())", stdin="first\nsecond\nthird"),
    "stdin lines": program("import sys\nfor line in sys.stdin: print(repr(line))", stdin="a\nb\n\nc"),
    "stdin bytes": program("import sys; print(sys.stdin.buffer.read())", stdin="ä\n"),
    "stdin descriptor": program("import os; print(os.read(0, 5), os.lseek(0, 0, 1), os.read(0, 100))", stdin="hello world"),
    "stdin seek": program("import sys; print(sys.stdin.readline(), sys.stdin.seek(0), sys.stdin.read())", stdin="a\nb\n"),
    "no stdin": program("import sys; print(repr(sys.stdin.read())); print(input())"),
    "too long": program("while True: pass", timeout=700),
    "sleeps too long": program("import time; time.sleep(60)", timeout=700),
    "late in atexit": program("import atexit, time; atexit.register(time.sleep, 60)", timeout=700),
    "too much memory": program("x = bytearray(3 << 30)\nfor i in range(0, len(x), 4096): x[i] = 1"),
    "many processes": program("""
        import os, time
        made = 0
        try:
            while True:
                if os.fork() == 0:
                    time.sleep(60)
                    os._exit(0)
                made += 1
        except OSError as error:
            print(made, error)
            os._exit(0)
    """),
    "too large a file": program("open('big', 'wb').truncate(200 << 20)"),
    "full": program("""
        try:
            for i in range(8):
                open(f"f{i}", "wb").write(bytes(90 << 20))
        except OSError as error:
            print(error)
        import os
        [os.remove(name) for name in os.listdir() if name.startswith("f")]
    """),
    "left behind": program("""
        import os
        if os.fork() == 0:
            os.setsid()
            import time
            time.sleep(60)
        print("over")
    """),
    "no privileges": program("""
        import ctypes, os
        libc = ctypes.CDLL(None, use_errno=True)
        for name, call in {
            "setuid": lambda: os.setuid(0), "chroot": lambda: os.chroot("/"), "nice": lambda: os.nice(-5),
            "kill": lambda: os.kill(1, 9), "mount": lambda: libc.mount(b"x", b"/tmp", b"tmpfs", 0, None) and
            (_ for _ in ()).throw(OSError(ctypes.get_errno(), "mount")), "write": lambda: open("/usr/x", "w"),
        }.items():
            try:
                call()
                print(name, "done")
            except OSError as error:
                print(name, error.errno)
    """),
})
# Addresses, and the numbers of what a process was given.
VOLATILE = re.compile(r"0x[0-9a-f]{8,}|\bpid=\d+|tmp[a-z0-9_]{8}")
