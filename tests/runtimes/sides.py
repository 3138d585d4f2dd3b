"""The two places a test suite runs in: a cell, and beside it, as an ordinary user of the same machine."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
CPYTHON = (HERE / "cpython_module.py").read_text()
ORDINARY_USER = 65534  # nobody
# More than cpython_module.py gives a module.
MODULE_SECONDS = 660
# Generous limits: what is compared is what programs can do, not how much.
SETTINGS = {"JOB_TIMEOUT": "30m", "SANDBOX_RUN_TIMEOUT": "20m", "SANDBOX_RUN_CPU_TIME": "1h",
            "SANDBOX_RUN_MEMORY_LIMIT": "3GiB", "CODEAPI_WORKSPACE_BYTES": "2GiB",
            "CODEAPI_WORKSPACE_INODES": 200000, "SANDBOX_OUTPUT_MAX_SIZE": "16MiB",
            "SANDBOX_MAX_PROCESS_COUNT": 1024, "SANDBOX_MAX_OPEN_FILES": 4096,
            "SANDBOX_RLIMIT_FSIZE": "8GiB", "CODEAPI_POOL_SIZE": 1}


class Failed(AssertionError):
    pass


class Inside:
    """A fresh cell of `server` for each run."""

    def __init__(self, server):
        self.server = server

    def run(self, lang, code, args=()):
        answer = self.server.exec_(lang, code, args=list(args), timeout=20 * 60 * 1000,
                                   timeout_s=MODULE_SECONDS + 60)
        if answer["status"]:
            said = answer["stdout"][-2000:] + answer["stderr"][-2000:]
            raise Failed(f"the cell ended: {answer['message']}\n{said}")
        return answer["code"], answer["stdout"], answer["stderr"]

    def environment(self):
        code, stdout, _ = self.run("py", "import json, os; print(json.dumps(dict(os.environ)))")
        assert code == 0
        return json.loads(stdout)


class Outside:
    """The same environment variables, but no cell: a directory of its own, an ordinary user, no cores."""

    COMMANDS = {"py": ["/usr/bin/python3", "-s", "main.py"], "bash": ["/bin/bash", "main.sh"],
                "js": ["/usr/bin/node", "main.js"]}

    def __init__(self, environment):
        self.environment = {name: environment[name] for name in environment if name != "SANDBOX_LANGUAGE"}

    def run(self, lang, code, args=()):
        directory = tempfile.mkdtemp(prefix="codeapi-outside-")
        try:
            command = self.COMMANDS[lang]
            (pathlib.Path(directory) / command[-1]).write_text(code)
            for path in (directory, os.path.join(directory, command[-1])):
                os.chown(path, ORDINARY_USER, ORDINARY_USER)
            temporary = os.path.join(directory, "tmp")
            os.mkdir(temporary)
            os.chown(temporary, ORDINARY_USER, ORDINARY_USER)
            environment = {**self.environment, "HOME": directory, "TMPDIR": temporary, "USER": "nobody",
                           "LOGNAME": "nobody"}
            # Whoever started this may ignore signals, and what ignores them is inherited.
            done = subprocess.run(["env", "--default-signal", "prlimit", "--core=0", "setpriv", f"--reuid={ORDINARY_USER}",
                                   f"--regid={ORDINARY_USER}", "--clear-groups", "--bounding-set=-all",
                                   *command, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, cwd=directory, env=environment,
                                  timeout=MODULE_SECONDS, text=True, errors="replace", umask=0o077,
                                  start_new_session=True)
            return done.returncode, done.stdout, done.stderr
        finally:
            shutil.rmtree(directory, ignore_errors=True)


def cpython(side, module, only=(), left_out=()):
    """Every test of one module of CPython's suite, or `only` those: id -> (outcome, why)."""
    arguments = [module]
    for option, tests in (("-m", only), ("-i", left_out)):
        arguments += [word for test in tests for word in (option, test)]
    code, stdout, stderr = side.run("py", CPYTHON, arguments)
    if code != 0:
        return {module: ("error", f"exit status {code}: {stderr[-300:]}")}
    return {name: tuple(result) for name, result in json.loads(stdout)["tests"].items()}


def program(side, path):
    """The lines `name=outcome` of one of programs/: id -> (outcome, "")."""
    lang = {".js": "js", ".sh": "bash", ".py": "py"}[path.suffix]
    code, stdout, stderr = side.run(lang, path.read_text())
    found = {}
    for line in stdout.splitlines():
        name, separator, result = line.partition("=")
        found[f"{path.stem}.{name}"] = (result.strip().replace(" ", ",") if separator else "?", "")
    found[f"{path.stem}.end"] = (str(code), stderr[-300:])
    return found
