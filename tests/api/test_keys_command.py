"""codeapi keys: API keys are made, shown and revoked in the state file, beside a running server or without one."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest
from harness import binary, clean_environment

KEY = re.compile(r"capi_([0-9A-Za-z]{12})_[0-9A-Za-z]{43}\n")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def run_keys(data_dir, *arguments, stdout=subprocess.PIPE, **environment):
    return subprocess.run([binary(), "keys", *map(str, arguments)], stdout=stdout, stderr=subprocess.PIPE, text=True,
                          stdin=subprocess.DEVNULL, timeout=90,
                          env=clean_environment(CODEAPI_DATA_DIR=data_dir, **environment))


@pytest.fixture
def keys(tmp_path):
    """keys(*arguments, **environment): runs `codeapi keys` with a data directory of this test's own."""
    def run(*arguments, **more):
        return run_keys(run.data_dir, *arguments, **more)

    run.data_dir = tmp_path / "data"
    return run


def made(run):
    """The id of the key that a run made."""
    assert run.returncode == 0, run.stderr
    assert KEY.fullmatch(run.stdout), run.stdout
    return KEY.fullmatch(run.stdout).group(1)


def listed(keys):
    run = keys("list", "--json")
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_create_prints_the_key_alone_on_stdout(keys):
    run = keys("create", "--user", "u1", CODEAPI_AUTH_PROVIDER="both")
    key_id = made(run)
    assert "u1 of legacy" in run.stderr and run.stdout.strip() not in run.stderr
    assert "CODEAPI_AUTH_PROVIDER" not in run.stderr
    assert "CODEAPI_AUTH_PROVIDER" in keys("create", "--user", "u2").stderr, "keys would not count"
    assert key_id in [key["id"] for key in listed(keys)]


def test_list_as_json_and_as_table(keys):
    first = made(keys("create", "--user", "u1", "--tenant", "acme", "--plan", "gold", "--label", "nightly job",
                      "--expires", "90d"))
    second = made(keys("create", "--user", "u2", CODEAPI_JWT_SINGLE_TENANT_ID="home"))
    by_id = {key["id"]: key for key in listed(keys)}
    assert set(by_id) == {first, second}
    assert TIME.fullmatch(by_id[first].pop("created")) and TIME.fullmatch(by_id[first].pop("expires"))
    assert by_id[first] == {"id": first, "user": "u1", "tenant": "acme", "plan": "gold", "label": "nightly job"}
    assert (by_id[second]["tenant"], by_id[second]["plan"], by_id[second]["expires"]) == ("home", "", None)
    lines = keys("list").stdout.splitlines()
    assert lines[0].split() == ["ID", "USER", "TENANT", "PLAN", "LABEL", "CREATED", "EXPIRES"]
    assert len(lines) == 3 and any(re.match(rf"{first} +u1 +acme +gold +nightly job +20", line) for line in lines)
    assert any(line.startswith(second) and line.endswith("never") for line in lines)


def test_the_state_file_has_no_secret(keys):
    secret = keys("create", "--user", "u1").stdout.strip()[-43:]
    assert secret.encode() not in b"".join(path.read_bytes() for path in keys.data_dir.iterdir())
    assert secret not in keys("list").stdout + keys("list", "--json").stdout


def test_revoke(keys):
    key_id = made(keys("create", "--user", "u1"))
    other = made(keys("create", "--user", "u2"))
    assert keys("revoke", key_id).returncode == 0
    assert [key["id"] for key in listed(keys)] == [other]
    again = keys("revoke", key_id)
    assert again.returncode == 1 and key_id in again.stderr
    assert keys("revoke", "no-such-key").returncode == 1


@pytest.mark.parametrize("arguments,text", [
    (["create", "--user", ""], "the user must be"), (["create", "--user", "a\nb"], "the user must be"),
    (["create", "--user", "u", "--tenant", "x" * 257], "the tenant must be"),
    (["create", "--user", "u", "--expires", "soon"], "--expires soon"),
    (["create", "--user", "u", "--expires", "0"], "between one second and ten years"),
    (["create", "--user", "u", "--expires", "4000d"], "between one second and ten years")])
def test_what_cannot_be_made_says_why(keys, arguments, text):
    run = keys(*arguments)
    assert (run.returncode, run.stdout) == (1, "") and text in run.stderr


@pytest.mark.parametrize("arguments", [[], ["create"], ["revoke"], ["list", "x"], ["forget", "x"]])
def test_wrong_usage(keys, arguments):
    run = keys(*arguments)
    assert run.returncode != 0 and run.stdout == "" and run.stderr


def test_strict_tenants_must_be_named(keys):
    strict = {"CODEAPI_TENANT_ISOLATION_STRICT": "true"}
    run = keys("create", "--user", "u", **strict)
    assert run.returncode == 1 and "--tenant" in run.stderr
    made(keys("create", "--user", "u", "--tenant", "t", **strict))


def test_a_key_that_nobody_saw_is_not_valid(keys):
    with open("/dev/full", "w") as full:
        run = keys("create", "--user", "u1", stdout=full)
    assert run.returncode == 1 and "could not be printed" in run.stderr
    reader, writer = os.pipe()
    os.close(reader)
    run = keys("create", "--user", "u1", stdout=writer)
    os.close(writer)
    assert run.returncode == 1 and "could not be printed" in run.stderr
    assert listed(keys) == []


@pytest.mark.parametrize("arguments", [["list"], ["revoke", "0123456789AB"]])
def test_looking_makes_no_state_where_there_is_none(keys, arguments):
    run = keys(*arguments)
    assert run.returncode == 1 and str(keys.data_dir) in run.stderr
    keys.data_dir.mkdir()
    run = keys(*arguments)
    assert run.returncode == 1 and "state.sqlite" in run.stderr
    assert list(keys.data_dir.iterdir()) == []


def test_the_option_wins_over_the_environment(keys, tmp_path):
    made(keys("create", "--user", "u1", "--data-dir", tmp_path / "other"))
    assert not keys.data_dir.exists() and (tmp_path / "other" / "state.sqlite").exists()
    assert len(json.loads(keys("list", "--json", "--data-dir", tmp_path / "other").stdout)) == 1
    run = keys("create", "--user", "u1", "--data-dir", tmp_path / "no" / "parent")
    assert run.returncode == 1 and "no/parent" in run.stderr


def test_beside_a_running_server(make_server):
    """Both processes have the state file open, and neither stops the other."""
    it = make_server()
    ids = []
    for number in range(5):
        ids.append(made(run_keys(it.data_dir, "create", "--user", f"u{number}")))
        answer = it.exec_("bash", f"echo {number} > out.txt; echo {number}")
        assert answer["stdout"] == f"{number}\n" and len(answer["files"]) == 1
    assert run_keys(it.data_dir, "revoke", ids[0]).returncode == 0
    assert {key["id"] for key in json.loads(run_keys(it.data_dir, "list", "--json").stdout)} == set(ids[1:])
    assert it.exec_("bash", "echo still here")["stdout"] == "still here\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files for another user")
def test_root_leaves_the_state_to_the_servers_user():
    """A server that runs as an ordinary user has to be able to open what root made for it."""
    top = pathlib.Path(tempfile.mkdtemp(prefix="codeapi-keys-"))
    try:
        os.chmod(top, 0o755)
        (top / "data").mkdir(mode=0o700)
        os.chown(top / "data", 65534, 65534)
        # Under AddressSanitizer, leaks are looked for by ptrace at the end, which who has changed its user may not use.
        options = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        made(run_keys(top / "data", "create", "--user", "u1", ASAN_OPTIONS=options))
        assert {path.stat().st_uid for path in (top / "data").iterdir()} == {65534}
        assert len(json.loads(run_keys(top / "data", "list", "--json", ASAN_OPTIONS=options).stdout)) == 1
    finally:
        shutil.rmtree(top)
