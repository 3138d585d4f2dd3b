"""Starts the programs of this directory inside a cell, and looks after each whether anything was harmed."""

import pathlib
import threading

from harness import ID

PROGRAMS = pathlib.Path(__file__).resolve().parent / "programs"
LANGUAGES = {".py": "py", ".sh": "bash", ".js": "js", ".c": "bash"}


def compiled(source):
    """A bash program that compiles a C program in its cell and becomes it."""
    header = (PROGRAMS / "attack.h").read_text()
    return (f"cat > /tmp/attack.h <<'END_OF_FILE'\n{header}\nEND_OF_FILE\n"
            f"cat > /tmp/attack.c <<'END_OF_FILE'\n{source}\nEND_OF_FILE\n"
            "gcc -std=gnu17 -D_GNU_SOURCE -O1 -w -o /tmp/attack /tmp/attack.c && rm /tmp/attack.[ch] &&"
            " exec /tmp/attack \"$@\"\n")


def load(name):
    """The language and the code that stand for one file of programs/."""
    path = PROGRAMS / name
    text = path.read_text()
    return LANGUAGES[path.suffix], compiled(text) if path.suffix == ".c" else text


def outcomes(answer):
    """The lines name=outcome of a C program, as a dict."""
    assert (answer["code"], answer["status"]) == (0, None), answer
    return dict(line.split("=", 1) for line in answer["stdout"].splitlines())


def assert_neighbour(server):
    """One execution that uses a little of everything and is answered as if it were alone."""
    code = ("import hashlib, os, subprocess\n"
            "with open('n.txt', 'w') as file: file.write('mine')\n"
            "with open('/dev/shm/n', 'wb') as file: file.write(bytes(1 << 20))\n"
            "held = b'x' * (32 << 20)\n"
            "print(subprocess.check_output(['echo', 'child']).decode(), end='')\n"
            "print(hashlib.sha256(held).hexdigest()[:8], sorted(os.listdir('/mnt/data')))\n")
    answer = server.exec_("py", code)
    assert (answer["code"], answer["status"], answer["stderr"]) == (0, None, ""), answer
    assert answer["stdout"] == "child\n05f052c8 ['main.py', 'n.txt']\n"
    assert [file["name"] for file in answer["files"]] == ["n.txt"]
    assert ID.fullmatch(answer["session_id"])


def assert_unharmed(server):
    """The next execution of each kind is right, the service healthy, and nothing left on the machine."""
    assert server.exec_("bash", "echo fine; pwd")["stdout"] == "fine\n/mnt/data\n"
    assert server.exec_("js", "console.log('fine')")["stdout"] == "fine\n"
    assert_neighbour(server)
    assert server.get("/v1/health").status == 200
    assert server.process.poll() is None
    server.census.assert_idle()


def attack(server, name, args=(), beside=True, **body):
    """Runs programs/`name`; returns its answer. Others run beside it, and afterwards all is as before."""
    lang, code = load(name)
    result = []

    def run():
        result.append(server.exec_(lang, code, args=[str(argument) for argument in args], **body))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    if beside:
        assert_neighbour(server)
        while thread.is_alive():
            assert_neighbour(server)
    thread.join()
    assert result, "the attack was not answered"
    assert_unharmed(server)
    return result[0]
