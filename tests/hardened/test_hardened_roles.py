"""Who may hold and reach what (docs/security.md), looked for in the processes of a running service."""

import os
import pathlib
import subprocess

import pytest
from census import named_below, status_of
from hardened_stack import ACL, USERS

ROLES = ["api", "worker", "file-server", "tool-call-server", "egress-gateway"]


def server_of(stack, role):
    return dict(stack.servers())[role]


def environment(pid):
    return dict(entry.split("=", 1) for entry in pathlib.Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0") if entry)


@pytest.mark.parametrize("role", ROLES)
def test_each_role_is_a_user_of_its_own(hardened, role):
    fields = status_of(server_of(hardened, role).process.pid)
    assert fields["Uid"].split() == [str(USERS[role])] * 4 and fields["Gid"].split() == [str(USERS[role])] * 4
    assert int(fields["CapEff"], 16) == int(fields["CapPrm"], 16) == int(fields["CapBnd"], 16) == 0
    assert len(set(USERS.values())) == len(USERS)


@pytest.mark.parametrize("role", ROLES)
def test_each_role_holds_what_the_table_allows(hardened, role):
    held = environment(server_of(hardened, role).process.pid)
    text = "\0".join(held.values())
    secrets = {"manifest private key": (hardened.private, {"api"}), "grant secret": (hardened.grant_secret, {"egress-gateway"}),
               "internal token": (hardened.token, set(ROLES)), "the callers' key": (hardened.keys.private_file.read_text(), set()),
               "queue and state": (hardened.redis.passwords["codeapi-api"], {"api"}),
               "queue": (hardened.redis.passwords["codeapi-worker"], {"worker"}),
               "ledger": (hardened.redis.passwords["codeapi-ledger"], {"egress-gateway"}),
               "administrator of Redis": (hardened.redis.password, set()),
               "address of the file server": (f":{hardened.file_server.port}", {"api", "egress-gateway", "file-server"})}
    found = {what for what, (secret, _) in secrets.items() if secret in text}
    allowed = {what for what, (_, roles) in secrets.items() if role in roles}
    assert found <= allowed, found - allowed


def test_the_jailer_and_what_starts_it_hold_nothing(hardened):
    worker = hardened.workers[0].process.pid
    below = named_below(worker, "codeapi-jailer") + named_below(worker, "codeapi-launch")
    assert len(below) >= 2
    for pid in below:
        assert environment(pid) == {}
        command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode()
        assert hardened.public.strip().splitlines()[1] in command, "the public key is settled at its start"
        assert hardened.token not in command


@pytest.mark.parametrize("role", ROLES)
def test_nobody_sees_what_another_role_holds(hardened, role):
    """Neither another role's user nor a stranger reads the environment, the memory or the directories of a role."""
    process, directory = server_of(hardened, role).process, server_of(hardened, role).directory
    for user in {*USERS.values(), 65_534} - {USERS[role]}:
        for path in (f"/proc/{process.pid}/environ", f"/proc/{process.pid}/mem", directory):
            run = subprocess.run(["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "head", "-c1", path],
                                 capture_output=True, check=False)
            assert run.returncode != 0 and not run.stdout and b"denied" in run.stderr, (role, user, path, run)


@pytest.mark.parametrize("user,allowed", [("codeapi-api", {":{queue}:", ":{state}:"}), ("codeapi-worker", {":{queue}:"}),
                                          ("codeapi-ledger", {"-egress:"})])
def test_each_user_of_redis_reaches_its_own_keys(hardened, user, allowed):
    for below in (":{queue}:", ":{state}:", "-egress:", ":egress:", ":"):
        answer = hardened.redis.ask("SET", f"codeapi{below}test", "1", user=user, check=False)
        assert (answer == "OK") == (below in allowed), (user, below, answer)
        if below in allowed:
            assert hardened.redis.ask("DEL", f"codeapi{below}test", user=user) == "1"
        else:
            assert "NOPERM" in answer
            assert "NOPERM" in hardened.redis.ask("EVAL", "return redis.call('GET', KEYS[1])", "1", f"codeapi{below}x", user=user,
                                                  check=False)
    for words in (["CONFIG", "GET", "*"], ["ACL", "LIST"], ["FLUSHALL"], ["KEYS", "*"], ["CLIENT", "LIST"],
                  ["SHUTDOWN", "NOSAVE"], ["REPLICAOF", "127.0.0.1", "1"], ["MODULE", "LIST"], ["MONITOR"]):
        assert "NOPERM" in hardened.redis.ask(*words, user=user, check=False), (user, words)
    assert set(ACL) == {"codeapi-api", "codeapi-worker", "codeapi-ledger"}


def test_nobody_reaches_redis_without_a_name(hardened):
    run = subprocess.run(["redis-cli", "-p", str(hardened.redis.port), "PING"], capture_output=True, text=True,
                         stdin=subprocess.DEVNULL, env={"PATH": "/usr/bin:/bin"})
    assert "NOAUTH" in run.stdout + run.stderr


def test_redis_refuses_nothing_that_a_role_needs(hardened, caller):
    """A program with inputs, outputs and tools, and no word of refusal."""
    from rounds import play, tool
    hardened.redis.refused()
    made = caller().exec_("py", "open('a.txt', 'w').write('made')")["files"]
    assert caller().download(made[0]).body == b"made"
    answer, history = play(caller(), "print(await echo(value='x'))", [tool("echo", "value")], lambda *_: "did x")
    assert answer["stdout"] == "did x\n" and len(history) == 1
    assert hardened.redis.refused() == ""


def test_files_are_the_file_servers(hardened, caller):
    caller().exec_("bash", "echo kept > kept.txt")
    seen = 0
    for directory, _, files in os.walk(hardened.file_server.data_dir):
        for path in [directory, *(os.path.join(directory, name) for name in files)]:
            seen += 1
            assert os.stat(path).st_uid == USERS["file-server"], path
    assert seen > 2


def test_without_a_grant_the_token_of_a_worker_opens_nothing_at_the_gateway(hardened, caller):
    """A worker's token asks for grants; files need a grant, and that a signed manifest."""
    file = caller().exec_("bash", "echo mine > mine.txt")["files"][0]
    token = {"X-CodeAPI-Internal-Token": hardened.token}
    path = f"/sessions/{file['storage_session_id']}/objects/{file['id']}"
    for headers in (token, {**token, "X-CodeAPI-Egress-Grant": "ceg1.AAAA.AAAA.AAAA"}):
        for method in ("GET", "PUT", "DELETE"):
            reply = hardened.gateway.request(method, path, b"x" if method == "PUT" else None, headers)
            assert reply.status in (400, 401, 403), reply
    reply = hardened.gateway.post({"payload": {}, "claims": {}}, "/internal/egress-grants",
                                  content_type="application/json")
    assert reply.status == 401
    assert caller().download(file).body == b"mine\n"
