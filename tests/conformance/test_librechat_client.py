"""The real LibreChat client from npm, driven through everything it does, against a real server.

librechat-client.mjs prints `== step` and below it `ok` or `FAIL` for each check.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest
from identity import Keys, new_api_key
from stack import Stack
from stack import Stack

HERE = pathlib.Path(__file__).resolve().parent
SECONDS = 300
PARALLEL_STEP = "run_tools_with_code: two calls in parallel, then a failing one"

LANGUAGES = set("py js ts c cpp java php rs go d f90 r bash".split())

@pytest.fixture(scope="session")
def client_packages():
    assert shutil.which("node"), "the client needs Node.js: make setup"
    return subprocess.run([HERE.parent.parent / "scripts" / "npm-install.sh", HERE], check=True, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout.strip()


def checks(output):
    """(step, check) -> whether it held. A step that broke off counts as a failed check of its own."""
    found, step = {}, None
    for line in output.splitlines():
        if line.startswith("== "):
            step = line[3:]
        elif match := re.match(r"   (ok  |FAIL) (.*)", line):
            name = match[2] if match[1] == "ok  " else match[2].split("   ")[0].rstrip()
            found[step, name] = match[1] == "ok  "
    return found


def drive(server, packages_dir, tmp_path, **environment):
    run = subprocess.run(["node", str(HERE / "librechat-client.mjs"), f"http://127.0.0.1:{server.port}/v1"],
                         env={**os.environ, "TRY_DIR": str(packages_dir),
                              "TRY_OUT": str(tmp_path / "captured.json"), **environment},
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS)
    found = checks(run.stdout)
    failed = sorted(name for name, held in found.items() if not held)
    said = run.stdout[-20000:] + run.stderr[-5000:]
    assert not failed, f"{failed}\n{said}"
    assert sum(found.values()) >= 43, said
    # Two calls in one round, then the one that fails: a client may ask no more than 20 times.
    requests = [item for item in json.loads((tmp_path / "captured.json").read_text())
                if item["scenario"] == PARALLEL_STEP and "/exec/programmatic " in item["request"]["line"]]
    assert len(requests) == 3, said
    return run.stdout


def test_in_local_mode_with_every_language(make_server, client_packages, languages_root, tmp_path):
    said = drive(make_server({"CODEAPI_ROOT": languages_root}), client_packages, tmp_path, TRY_NO_AUTH="1")
    step = said.split("== execute_code: every language of the enum", 1)[1].split("\n== ", 1)[0]
    answers = dict(re.findall(r'^   (\w+) +(".*)$', step, re.M))
    assert set(answers) == LANGUAGES
    wrong = {language: answer for language, answer in answers.items() if not re.search(r'stdout:\\n ?hi\b', answer)}
    assert not wrong


def test_with_librechats_tokens(make_server, client_packages, tmp_path):
    keys = Keys(tmp_path)
    # The client asks more often than a person: its own limits would stop it.
    server = make_server({**keys.settings(), "MAX_REQUESTS": 1000, "UPLOAD_MAX_REQUESTS": 1000})
    drive(server, client_packages, tmp_path, TRY_JWT_KEY=str(keys.private_file), TRY_JWT_KID=keys.kid)


def test_with_an_api_key(make_server, client_packages, tmp_path):
    server = make_server({"CODEAPI_AUTH_PROVIDER": "api-key", "MAX_REQUESTS": 1000, "UPLOAD_MAX_REQUESTS": 1000})
    key = new_api_key(server, user="user-0001", tenant="legacy")
    drive(server, client_packages, tmp_path, TRY_API_KEY=key)


def test_with_every_role_a_process_of_its_own(client_packages, tmp_path):
    with Stack(apis=1, workers=2) as stack:
        drive(stack.apis[0], client_packages, tmp_path, TRY_NO_AUTH="1")


def test_distributed_over_redis_and_s3(client_packages, tmp_path):
    with Stack(workers=2) as stack:
        drive(stack.apis[0], client_packages, tmp_path, TRY_NO_AUTH="1")
