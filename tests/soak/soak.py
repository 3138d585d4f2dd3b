#!/usr/bin/python3
"""Thousands of executions of every kind, good and bad, and then: is the machine as it was before?

Starts a `codeapi serve` of its own (CODEAPI_BIN, else build/release/codeapi), warms it up, counts what it
holds, runs a fixed mix of programs 16 at once and checks every answer, waits until it is idle, counts again.
Exit status 0 only if every answer was right and nothing has leaked.
"""

import argparse
import contextlib
import http.client
import itertools
import json
import os
import pathlib
import random
import socket
import subprocess
import sys
import threading
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(pathlib.Path(__file__).resolve().parent)]

import holdings  # noqa: E402
from growth import Growth  # noqa: E402
from harness import Server, binary, by_name, clean_environment, names, reference, sandbox_line, until  # noqa: E402

CONCURRENT = 16
WARM_UP = 50
# Small enough that a program which eats all its memory is a matter of a moment.
SETTINGS = {"SANDBOX_RUN_MEMORY_LIMIT": 128 << 20, "CODEAPI_WORKSPACE_BYTES": 64 << 20}
STDOUT_MAX = 65536
WRONG_ANSWERS_TO_SHOW = 20
WRONG_ANSWERS_TO_STOP = 100
PROGRESS_SECONDS = 5
IDLE_SECONDS = 60
# What a program writes whose client has left; such a file may be stored although nobody was told of it.
UNCLAIMED = "unclaimed\n"

BOMB = (ROOT / "tests" / "security" / "programs" / "01_fork_bomb.py").read_text()
HOG = "held = []\nwhile True: held.append(b'x' * (8 << 20))"
CHANGE = ("with open('table.csv') as file: print(file.read(), end='')\n"
          "with open('table.csv', 'a') as file: file.write('row {n}\\n')\n"
          "open('seen.txt').read()\n")


class Wrong(Exception):
    """An answer that is not what the program earned."""


def expect(what, found, wanted):
    if found != wanted:
        raise Wrong(f"{what} is {found!r:.300}, not {wanted!r:.300}")


class Soak:
    """The programs, and what their answers said. Threads share one object; `lock` guards the notes."""

    def __init__(self, server):
        self.server = server
        self.lock = threading.Lock()
        self.reported = set()  # (session, id) of every object that an answer named as new
        self.inputs = []       # (answer's entries by name, content of table.csv)
        self.wrong = []
        self.done = 0
        self._local = threading.local()

    # -- asking ---------------------------------------------------------------------------------------------

    def _connection(self):
        if getattr(self._local, "connection", None) is None:
            self._local.connection = self.server.connect()
        return self._local.connection

    def close(self):
        """Ends the calling thread's connection."""
        if getattr(self._local, "connection", None) is not None:
            self._local.connection.close()
            self._local.connection = None

    def ask(self, lang, code, stdout="", end=(0, None, None, None), **body):
        """One execution whose stdout (None: not looked at) and verdict are known. Returns the answer."""
        reply = self.server.post({"lang": lang, "code": code, **body}, connection=self._connection())
        expect("HTTP status", reply.status, 200)
        answer = reply.json
        new = {(file["storage_session_id"], file["id"]) for file in answer["files"]
               if not file.get("inherited")}
        with self.lock:
            expect("objects named before", self.reported & new, set())
            self.reported |= new
        found = tuple(answer[field] for field in ("code", "signal", "status", "message"))
        if found != end:
            raise Wrong(f"verdict is {found}, not {end}; stderr {answer['stderr'][-300:]!r}")
        expect("the sandbox's words", sandbox_line(answer), [end[3]] if end[3] else [])
        if stdout is not None:
            expect("stdout", answer["stdout"], stdout)
        return answer

    def ask_quiet(self, *arguments, **options):
        """The same for a program that leaves nothing behind."""
        answer = self.ask(*arguments, **options)
        expect("files", names(answer), [])
        return answer

    # -- one method per kind of execution -------------------------------------------------------------------

    def hello_bash(self, n, rng):
        answer = self.ask_quiet("bash", f"echo hello {n}", f"hello {n}\n")
        expect("stderr", answer["stderr"], "")

    def hello_py(self, n, rng):
        answer = self.ask_quiet("py", f"print('hello', {n})", f"hello {n}\n")
        expect("stderr", answer["stderr"], "")

    def exit_code(self, n, rng):
        code = rng.randrange(1, 256)
        lang = rng.choice(["py", "bash"])
        self.ask_quiet(lang, f"raise SystemExit({code})" if lang == "py" else f"exit {code}",
                       end=(code, None, None, None))

    def crash(self, n, rng):
        self.ask_quiet("py", "import ctypes; ctypes.string_at(0)", end=(139, "SIGSEGV", None, None))

    def own_sigkill(self, n, rng):
        self.ask_quiet("bash", f"echo {n}; kill -9 $$", f"{n}\n", end=(137, "SIGKILL", None, None))

    def wall_limit(self, n, rng):
        self.ask_quiet("bash", "sleep 60 & sleep 60", timeout=300,
                       end=(137, "SIGKILL", "TO", "Time limit exceeded"))

    def memory_hog(self, n, rng):
        self.ask_quiet("py", HOG, end=(137, "SIGKILL", "SG", "Out of memory"))

    def fork_bomb(self, n, rng):
        self.ask_quiet("py", BOMB, None, timeout=1000, end=(137, "SIGKILL", "TO", "Time limit exceeded"))

    def fifty_outputs(self, n, rng):
        answer = self.ask("bash", f"for i in {{10..59}}; do echo {n} $i > $i.txt; done")
        expect("files", names(answer), [f"{i}.txt" for i in range(10, 60)])
        i = rng.randrange(50)
        expect("the object", self.server.download(answer["files"][i]).body, f"{n} {i + 10}\n".encode())

    def make_input(self, n, rng):
        """Something for pass_on: two files that later executions are given."""
        table = f"made by {n}\n"
        answer = self.ask("bash", "cat > table.csv; echo seen > seen.txt", stdin=table)
        expect("files", names(answer), ["seen.txt", "table.csv"])
        with self.lock:
            self.inputs.append((by_name(answer), table))

    def pass_on(self, n, rng):
        """Two inputs: one is only read and comes back as it was, one is changed and becomes a new object."""
        with self.lock:
            files, table = rng.choice(self.inputs)
        answer = self.ask("py", CHANGE.format(n=n), table, files=[reference(file) for file in files.values()])
        expect("files", names(answer), ["seen.txt", "table.csv"])
        found = by_name(answer)
        expect("the input that was only read", (found["seen.txt"]["id"], found["seen.txt"].get("inherited")),
               (files["seen.txt"]["id"], True))
        expect("modified_from", found["table.csv"].get("modified_from", {}).get("id"),
               files["table.csv"]["id"])
        expect("the changed object", self.server.download(found["table.csv"]).body,
               f"{table}row {n}\n".encode())

    def flood(self, n, rng):
        answer = self.ask_quiet("bash", "yes 0123456789", None,
                                end=(137, "SIGKILL", "OL", "stdout length exceeded"))
        expect("length of stdout", len(answer["stdout"]), STDOUT_MAX)

    def hang_up(self, n, rng):
        """The client goes: in the middle of its request, while the program runs or stores, while it reads."""
        how = rng.choice(["request", "running", "storing", "answer"])
        code = {"request": "sleep 60", "running": f"echo {n}; sleep 60", "answer": "yes | head -c 60000",
                "storing": f"for i in {{10..29}}; do echo {UNCLAIMED.strip()} > $i.txt; done"}[how]
        body = json.dumps({"lang": "bash", "code": code, "timeout": 20000}).encode()
        request = (f"POST /v1/exec HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                   f"Content-Length: {len(body)}\r\n\r\n").encode() + body
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=60) as client:
            client.sendall(request[:rng.randrange(1, len(request))] if how == "request" else request)
            if how == "answer":
                expect("the first byte of the answer", client.recv(1), b"H")
            else:  # waiting, starting, running, storing, answered: over thousands it hits everything
                time.sleep(rng.random() ** 2)

    # -- running --------------------------------------------------------------------------------------------

    MIX = {"hello_bash": 360, "hello_py": 280, "exit_code": 80, "crash": 40, "own_sigkill": 40,
           "wall_limit": 25, "memory_hog": 10, "fork_bomb": 3, "fifty_outputs": 12, "make_input": 10,
           "pass_on": 60, "flood": 20, "hang_up": 60}

    def one(self, n, kind, seed):
        problem = None
        try:
            getattr(self, kind)(n, random.Random(f"{seed} {n}"))
        except Wrong as error:
            problem = str(error)
        except (OSError, http.client.HTTPException, AssertionError, ValueError, KeyError) as error:
            self.close()
            problem = "".join(traceback.format_exception_only(error)).strip()
        with self.lock:
            self.done += 1
            if problem:
                self.wrong.append(f"execution {n}, {kind}: {problem}")

    def run(self, kinds, seed):
        """Runs kinds[n] for every n, CONCURRENT at once, with progress; stops when all goes wrong."""
        self.done, numbers, begin = 0, itertools.count(), time.monotonic()

        def work():
            with contextlib.closing(self):
                while (n := next(numbers)) < len(kinds) and len(self.wrong) < WRONG_ANSWERS_TO_STOP:
                    self.one(n, kinds[n], seed)

        threads = [threading.Thread(target=work, daemon=True) for _ in range(CONCURRENT)]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(PROGRESS_SECONDS)
                if thread.is_alive():
                    self._progress(len(kinds), time.monotonic() - begin)
        self._progress(len(kinds), time.monotonic() - begin)
        return self.done

    def _progress(self, total, seconds):
        rate = self.done / seconds
        left = f", {(total - self.done) / rate:.0f} s left" if 0 < self.done < total else ""
        say(f"{self.done} of {total}, {rate:.0f}/s{left}, {len(self.wrong)} wrong")


def say(text):
    print(f"soak: {text}", flush=True)


def mixed(executions, seed):
    """The kinds of all executions, in their order."""
    return random.Random(seed).choices(list(Soak.MIX), list(Soak.MIX.values()), k=executions)


def warm(soak):
    """Every kind a few times, so that all that is made once has been made before the first count."""
    for n in range(4):
        soak.one(-1 - n, "make_input", "inputs")
    soak.run([list(Soak.MIX)[n % len(Soak.MIX)] for n in range(WARM_UP)], "warm up")


def check_objects(soak):
    """Compares the stored objects with the reported ones. Returns what is wrong, as lines."""
    stored = holdings.objects(soak.server.data_dir)
    problems = []
    if lost := soak.reported - set(stored):
        problems.append(f"{len(lost)} reported objects are not stored, one of them {min(lost)}")
    extra = set(stored) - soak.reported
    unclaimed = {key for key in extra if stored[key].read_text() == UNCLAIMED}
    if extra - unclaimed:
        problems.append(f"{len(extra - unclaimed)} stored objects that no answer named, one of them"
                        f" {min(extra - unclaimed)}")
    say(f"objects: {len(stored)} stored, {len(soak.reported)} reported,"
        f" {len(unclaimed)} of clients that left")
    return problems


def check_end(server, before):
    """Stops the server. Returns what then is left of it, as lines."""
    status, problems = server.stop(), []
    if status != 0:
        problems.append(f"the server's exit status is {status}")
    try:
        until(lambda: not holdings.remains(before), "nothing is left", IDLE_SECONDS)
    except AssertionError:
        problems.append(f"after the server's end there is still {holdings.remains(before)}")
    return problems


def soaked(server, executions, seed):
    """The whole soak on a started server; returns the exit status."""
    soak = Soak(server)
    total = sum(Soak.MIX.values())
    say("mix: " + ", ".join(f"{kind} {100 * weight / total:g}%" for kind, weight in Soak.MIX.items()))
    say(f"warming up: {WARM_UP} executions")
    warm(soak)
    before = holdings.settled(server, IDLE_SECONDS)
    say(f"{executions} executions, {CONCURRENT} at once, seed {seed}")
    with Growth(server, lambda: soak.done) as growth:
        done = soak.run(mixed(executions, seed), seed)
    say("waiting until the server is idle")
    after = holdings.settled(server, IDLE_SECONDS, like=before)
    print(holdings.table(before, after))
    print(growth.table())
    leaks = holdings.leaks(before, after) + growth.leaks() + check_objects(soak) + check_end(server, before)
    for line in soak.wrong[:WRONG_ANSWERS_TO_SHOW]:
        say(f"wrong: {line}")
    if soak.wrong or leaks:
        print("\n".join(line for line in server.lines if '"event":"execution ended"' not in line)[-4000:])
    print(f"soak: {done} executions, {len(soak.wrong)} wrong answers, leaks: {'; '.join(leaks) or 'none'}")
    return 1 if soak.wrong or leaks else 0


def warm_setting(warm):
    """The setting, where this codeapi has it; one that has none starts every program cold."""
    if warm is None:
        return {}
    told = subprocess.run([binary(), "config"], capture_output=True, text=True, env=clean_environment(), check=True)
    if any(line.startswith("CODEAPI_WARM ") for line in told.stdout.splitlines()):
        return {"CODEAPI_WARM": warm}
    if warm == "on":
        sys.exit("soak: this codeapi has no warm starts (no setting CODEAPI_WARM)")
    return {}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--executions", type=int, default=10000, help="how many, after the warm-up (10000)")
    parser.add_argument("--seed", type=int, default=1, help="chooses the order of the mix (1)")
    parser.add_argument("--warm", choices=["on", "off"], default=os.environ.get("CODEAPI_WARM"),
                        help="warm starts; as CODEAPI_WARM, and by default as codeapi has it")
    options = parser.parse_args()
    if options.executions < 1:
        parser.error("--executions must be at least 1")
    if os.geteuid() != 0:
        parser.error("cells can be made by root only")
    server = Server({**SETTINGS, **warm_setting(options.warm)}).start()
    try:
        return soaked(server, options.executions, options.seed)
    finally:
        server.destroy()


if __name__ == "__main__":
    sys.exit(main())
