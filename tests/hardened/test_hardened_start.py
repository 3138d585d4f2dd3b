"""What a start in hardened mode refuses, and that doctor says it before."""

import os
import secrets
import subprocess

import pytest
from hardened_stack import key_pair
from harness import clean_environment, command, copy_programs, free_port

NOBODY = 61_100
TOKEN = secrets.token_hex(32)
REDIS = {"REDIS_HOST": "127.0.0.1", "REDIS_USERNAME": "codeapi-role", "REDIS_PASSWORD": secrets.token_hex(16)}


@pytest.fixture(scope="module")
def good(tmp_path_factory, languages_root):
    """role → what it starts with, as far as it gets without Redis and the other roles."""
    private, public = key_pair(tmp_path_factory.mktemp("keys"))
    common = {"CODEAPI_HARDENED_SANDBOX_MODE": "true", "CODEAPI_INTERNAL_SERVICE_TOKEN": TOKEN}
    return {
        "api": {**common, **REDIS, "CODEAPI_EXECUTION_MANIFEST_PRIVATE_KEY": private, "FILE_SERVER_URL": "http://127.0.0.1:9",
                "CODEAPI_AUTH_PROVIDER": "api-key", "SERVICE_PORT": free_port()},
        "worker": {**common, **REDIS, "SANDBOX_EXECUTION_MANIFEST_PUBLIC_KEY": public, "CODEAPI_ROOT": languages_root,
                   "EGRESS_GATEWAY_URL": "http://127.0.0.1:9", "CODEAPI_WORKER_USER": f"{NOBODY}:{NOBODY}",
                   "WORKER_HEALTH_PORT": free_port()},
        "file-server": {**common, "FILE_SERVER_PORT": free_port(), "CODEAPI_DATA_DIR": "/var/lib/codeapi"},
        "tool-call-server": {**common, "TOOL_CALL_SERVER_PORT": free_port()},
        "egress-gateway": {**common, "SANDBOX_EXECUTION_MANIFEST_PUBLIC_KEY": public,
                           "CODEAPI_EGRESS_GRANT_SECRET": secrets.token_hex(32),
                           "EGRESS_GATEWAY_FILE_SERVER_URL": "http://127.0.0.1:9",
                           "EGRESS_GATEWAY_TOOL_CALL_SERVER_URL": "http://127.0.0.1:9",
                           "CODEAPI_EGRESS_LEDGER_REDIS_URL": f"redis://ledger:{secrets.token_hex(16)}@127.0.0.1:9",
                           "EGRESS_GATEWAY_PORT": free_port()}}


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """A copy that every user can run."""
    directory = tmp_path_factory.mktemp("bin")
    for parent in (directory, *directory.parents[:2]):
        parent.chmod(0o755)
    return copy_programs(directory)


def run(program, *words, user=None, **environment):
    done = subprocess.run(command(*words, user=user, executable=program), env=clean_environment(**environment),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def user_of(role):
    return None if role == "worker" else NOBODY


ROLES = ["api", "worker", "file-server", "tool-call-server", "egress-gateway"]


@pytest.mark.parametrize("role", ROLES)
def test_doctor_has_nothing_against_what_starts(good, program, role):
    status, said, _ = run(program, "doctor", "--hardened", "--role", role, user=user_of(role), **good[role])
    assert (status, said.splitlines()[0].split()) == (0, [role, "ok"]), said


@pytest.mark.parametrize("role,change,named", [
    ("api", {"CODEAPI_EGRESS_GRANT_SECRET": "x"}, "CODEAPI_EGRESS_GRANT_SECRET"),
    ("api", {"LOCAL_MODE": "true"}, "LOCAL_MODE"),
    ("api", {"MINIO_SECRET_KEY": "x"}, "MINIO_SECRET_KEY"),
    ("api", {"REDIS_USERNAME": ""}, "REDIS_USERNAME"),
    ("worker", {"CODEAPI_EXECUTION_MANIFEST_PRIVATE_KEY": "x"}, "CODEAPI_EXECUTION_MANIFEST_PRIVATE_KEY"),
    ("worker", {"AWS_SECRET_ACCESS_KEY": "x"}, "AWS_SECRET_ACCESS_KEY"),
    ("worker", {"CODEAPI_WORKER_USER": ""}, "CODEAPI_WORKER_USER"),
    ("worker", {"CODEAPI_WORKER_USER": "0:0"}, "CODEAPI_WORKER_USER"),
    ("worker", {"CODEAPI_ROOT": "host"}, "CODEAPI_ROOT"),
    ("worker", {"CODEAPI_ROOT": "", "CODEAPI_PACKAGES_DIR": "/nonexistent"}, "CODEAPI_ROOT"),
    ("worker", {"CODEAPI_SECCOMP": "log"}, "CODEAPI_SECCOMP"),
    ("worker", {"CODEAPI_CGROUP": "none"}, "CODEAPI_CGROUP"),
    ("worker", {"FILE_SERVER_URL": "http://127.0.0.1:9"}, "FILE_SERVER_URL"),
    ("worker", {"SOMEBODYS_API_KEY": "x"}, "SOMEBODYS_API_KEY"),
    ("file-server", {"CODEAPI_INTERNAL_SERVICE_TOKEN": ""}, "CODEAPI_INTERNAL_SERVICE_TOKEN"),
    ("file-server", {"CODEAPI_ALLOW_UNAUTHENTICATED_INTERNAL": "true"}, "CODEAPI_ALLOW_UNAUTHENTICATED_INTERNAL"),
    ("tool-call-server", {"REDIS_PASSWORD": "x"}, "REDIS_PASSWORD"),
    ("egress-gateway", {"REDIS_PASSWORD": "x"}, "REDIS_PASSWORD"),
    ("egress-gateway", {"CODEAPI_EGRESS_GRANT_SECRET": "0123456789abcdef" * 4}, "CODEAPI_EGRESS_GRANT_SECRET")])
def test_what_one_change_makes_refused(good, program, role, change, named):
    """The start and doctor say the same one line, and nothing else."""
    environment = {**good[role], **change}
    status, _, said = run(program, role, user=user_of(role), **environment)
    head, *lines = [line for line in said.splitlines() if " warning: " not in line]
    assert status == 1 and head == "codeapi: CODEAPI_HARDENED_SANDBOX_MODE=true, and this must not be:", said
    assert len(lines) == 1 and lines[0].startswith(named), said
    status, told, _ = run(program, "doctor", "--hardened", "--role", role, user=user_of(role), **environment)
    assert status == 1 and f"{role:<17} BROKEN   {lines[0]}" in told.splitlines(), told


def test_everything_is_told_at_once(program):
    status, _, said = run(program, "worker", CODEAPI_HARDENED_SANDBOX_MODE="true", CODEAPI_EGRESS_GRANT_SECRET="x",
                          CODEAPI_PACKAGES_DIR="/nonexistent", CODEAPI_SECCOMP="log")
    assert status == 1
    for name in ("SANDBOX_EXECUTION_MANIFEST_PUBLIC_KEY", "EGRESS_GATEWAY_URL", "CODEAPI_EGRESS_GRANT_SECRET", "REDIS_HOST",
                 "CODEAPI_INTERNAL_SERVICE_TOKEN", "CODEAPI_WORKER_USER", "CODEAPI_ROOT", "CODEAPI_SECCOMP"):
        assert [line for line in said.splitlines() if line.startswith(name)], (name, said)


def test_no_secret_is_shown(good, program):
    _, told, said = run(program, "doctor", "--hardened", **{**good["worker"], "CODEAPI_EGRESS_GRANT_SECRET": "hidden-text",
                                                            "MINIO_SECRET_KEY": "hidden-text", "REDIS_PASSWORD": "hidden-text"})
    assert "hidden-text" not in told + said and TOKEN not in told + said


def test_serve_has_no_hardened_mode(program):
    status, _, said = run(program, "serve", CODEAPI_HARDENED_SANDBOX_MODE="true", SERVICE_PORT=free_port())
    assert status == 1 and "codeapi serve is all of them in one process" in said


def test_root_is_for_workers_only(good, program):
    assert os.geteuid() == 0
    for role in ROLES:
        status, _, said = run(program, "doctor", "--hardened", "--role", role, **good[role])
        assert status == (0 if role == "worker" else 1), said
    status, told, _ = run(program, "doctor", "--hardened", "--role", "worker", user=NOBODY, **good["worker"])
    assert status == 1 and "was not started as root" in told


def test_doctor_looks_at_every_role_unless_told(good, program):
    status, told, _ = run(program, "doctor", "--hardened", user=NOBODY, **good["file-server"])
    assert status == 0 and told.splitlines()[-1] == \
        "Could start in hardened mode with this environment: file-server tool-call-server", told
    status, _, said = run(program, "doctor", "--hardened", "--role", "run")
    assert status == 1 and "is none of: api worker file-server tool-call-server egress-gateway" in said
