"""A root without most languages: what is there runs, and what is not there is told."""

import os
import re
import shutil
import subprocess

import pytest

from harness import Server, clean_environment, command


@pytest.fixture(scope="module")
def bash_only(tmp_path_factory):
    """A root with nothing but bash and what it is linked with."""
    root = tmp_path_factory.mktemp("root")
    os.chmod(root, 0o755)
    linked = subprocess.run(["ldd", "/bin/bash"], capture_output=True, text=True, check=True).stdout
    (root / "usr/bin").mkdir(parents=True)
    shutil.copy("/bin/bash", root / "usr/bin/bash")
    for library in re.findall(r"(/\S+) \(", linked):
        # Where the loader looks in a tree in which /lib and /usr/lib are one.
        place = root / "usr" / library.removeprefix("/usr").lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(os.path.realpath(library), place)
    for name in ("bin", "lib", "lib64"):
        if (root / "usr" / name).exists():
            (root / name).symlink_to(f"usr/{name}")
    return root


@pytest.fixture(scope="module")
def small_server(bash_only):
    it = Server({"CODEAPI_ROOT": bash_only}).start()
    try:
        yield it
        assert it.stop() == 0, it.log()
    finally:
        it.destroy()


def test_what_is_there_runs(small_server):
    assert small_server.exec_("bash", "echo hello")["stdout"] == "hello\n"


@pytest.mark.parametrize("lang,known_as", [("py", "py"), ("c++", "cpp"), ("TypeScript", "ts"), ("java", "java")])
def test_what_is_missing_is_a_clear_refusal(small_server, lang, known_as):
    reply = small_server.post({"lang": lang, "code": "x"})
    assert reply.status == 400
    assert reply.json == {"error": f"Unsupported language: {known_as} (it is not installed in this sandbox)"}


def test_doctor_lists_both(bash_only):
    told = subprocess.run(command("doctor"), env=clean_environment(CODEAPI_ROOT=bash_only), capture_output=True,
                          text=True, timeout=60, check=False).stdout
    assert re.search(r"^language bash +ok +/bin/bash$", told, re.MULTILINE), told
    assert re.search(r"^language py +missing +/usr/bin/python3 not found$", told, re.MULTILINE), told
    assert re.search(r"fix: codeapi package-init --profile full$", told, re.MULTILINE), told
