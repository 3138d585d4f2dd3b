"""Programs with tools, run as in a cell but without one."""

import errno
import json
import os
import subprocess

import pytest
from fake_init import Failed, FakeInit
from harness import ROOT

SUPPORT = ROOT / "build" / "release" / "codeapi-tool-support"
# In a root: its own interpreter, with our files where they are.
IN_ROOT = ('mount --bind /tmp "$0/tmp" && mount --rbind /dev "$0/dev" && mount --rbind /proc "$0/proc" && '
           'exec /usr/sbin/chroot "$0" /usr/bin/env -C "$PWD" "$@"')
TOOLS = [
    {"name": "get-weather", "parameters": {"properties": {"units": {}, "city": {}}, "required": ["city"]}},
    {"name": "add_numbers", "parameters": {"properties": {"a": {}, "b": {}}, "required": ["a", "b"]}},
    {"name": "always-fails", "parameters": {"type": "object", "properties": {}}},
    {"name": "echo-input", "description": "Gives back what it got"},
]


def always_fails(_):
    raise Failed("no luck")


def namespace(tools):
    """A started FakeInit; skips the test only where nobody could have one."""
    init = FakeInit([tool["name"] for tool in tools])
    try:
        return init.__enter__()
    except OSError as error:
        if error.errno == errno.EPERM and os.geteuid() != 0:
            pytest.skip("an ordinary user cannot make a network namespace of a thread")
        raise


class Programs:
    """Runs programs of one language that may call `tools`."""

    def __init__(self, language, directory, interpreter=()):
        self.language = language
        self.interpreter = list(interpreter)
        self.support = directory / "support"
        self.data = directory / "data"
        self.data.mkdir()
        self.init = None

    def offer(self, tools):
        """Makes the support files for a list of tools."""
        self.support.mkdir(exist_ok=True)
        for old in self.support.iterdir():
            old.unlink()
        subprocess.run([SUPPORT, self.language, self.support], input=json.dumps(tools), text=True, check=True)
        if self.init:
            self.init.__exit__()
        self.init = namespace(tools)
        self.init.tools.update({"get-weather": lambda given: {"city": given["city"], "temp_c": 7},
                                "add_numbers": lambda given: given["a"] + given["b"],
                                "always-fails": always_fails, "echo-input": lambda given: given})
        return self.init

    def run(self, code, *args, **options):
        """The finished process, its outputs as text."""
        name = "main.py" if self.language == "python" else "main.sh"
        main = self.data / name
        main.write_bytes(code if isinstance(code, bytes) else code.encode())
        environment = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", **options.pop("env", {})}
        if self.language == "python":
            command = [*self.interpreter, "/usr/bin/python3", "-s", self.support / "run.py", main, *args]
        else:
            environment["BASH_ENV"] = str(self.support / "functions.sh")
            command = ["/bin/bash", *options.pop("flags", []), main, *args]
        done = self.init.run(command, cwd=self.data, env=environment, **options)
        assert done.returncode not in (126, 127), done.stderr  # nothing was run
        done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
        return done

    def output(self, code, *args, **options):
        """What a program printed that has to succeed without a word on standard error."""
        done = self.run(code, *args, **options)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout


@pytest.fixture(params=["host", "root"])
def python(request, tmp_path):
    """Python programs with TOOLS, under this machine's Python and under the one of the languages' root."""
    interpreter = []
    if request.param == "root":
        interpreter = ["unshare", "--mount", "sh", "-c", IN_ROOT, request.getfixturevalue("languages_root")]
    programs = Programs("python", tmp_path, interpreter)
    programs.offer(TOOLS)
    yield programs
    programs.init.__exit__()


@pytest.fixture
def bash(tmp_path):
    """Bash programs with TOOLS."""
    programs = Programs("bash", tmp_path)
    programs.offer(TOOLS)
    yield programs
    programs.init.__exit__()
