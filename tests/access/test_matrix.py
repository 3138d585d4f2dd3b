"""Every route against everyone: the owner, another user, another tenant, and those who are nobody."""

import json
import time

import pytest
from forms import Form, post_form, references, upload
from harness import until
from identity import Keys, new_api_key


class World:
    """One server with tokens and API keys, and files of one user, one agent and one skill."""

    def __init__(self, server, keys, other_keys):
        self.server, self.keys = server, keys
        self.people = {
            "owner": keys.headers("alice", "acme"),
            "owner's api key": {"X-API-Key": new_api_key(server, "alice", "acme")},
            "empty bearer and api key": {"X-API-Key": new_api_key(server, "alice", "acme"), "Authorization": "Bearer "},
            "other user": keys.headers("bob", "acme"),
            "other user's api key": {"X-API-Key": new_api_key(server, "bob", "acme")},
            "other tenant": keys.headers("alice", "evil"),
            "no tenant": keys.headers("alice", None),
            "expired": keys.headers("alice", "acme", born=int(time.time()) - 400),
            "forged": other_keys.headers("alice", "acme"),
            "forged beside a good api key": {**other_keys.headers("alice", "acme"),
                                             "X-API-Key": new_api_key(server, "alice", "acme")},
            "unsigned": {"Authorization": "Bearer " + keys.token("alice", "acme", header={"alg": "none"}).rsplit(".", 1)[0] + "."},
            "wrong api key": {"X-API-Key": "capi_" + "A" * 60},
            "none": {},
        }
        owner = self.people["owner"]
        self.answers = {
            "user": upload(server, ("user.txt", b"user"), headers=owner),
            "agent": upload(server, ("agent.txt", b"agent"), headers=owner, kind="agent", id="agent-1"),
            "skill": upload(server, ("skill.txt", b"skill"), headers=owner, kind="skill", id="skill-1", version="2"),
        }
        self.references = references(self.answers["user"]) \
            + references(self.answers["agent"], "agent", "agent-1") \
            + references(self.answers["skill"], "skill", "skill-1", version=2)

    QUERIES = {"user": "kind=user&id=alice", "agent": "kind=agent&id=agent-1", "skill": "kind=skill&id=skill-1&version=2"}

    def call(self, who, route, kind):
        """The status of one call."""
        headers = self.people[who]
        answer = self.answers[kind]
        session, file = answer["storage_session_id"], answer["files"][0]["fileId"]
        if route == "exec":
            reference, = [r for r in self.references if r["kind"] == kind]
            return self.server.request("POST", "/v1/exec", json.dumps(
                {"lang": "bash", "code": "true", "files": [reference]}).encode(),
                {"Content-Type": "application/json", **headers}).status
        method, path = {"download": ("GET", f"/v1/download/{session}/{file}"),
                        "list": ("GET", f"/v1/files/{session}"),
                        "metadata": ("GET", f"/v1/sessions/{session}/objects/{file}"),
                        "delete": ("DELETE", f"/v1/files/{session}/{file}"),
                        "delete object": ("DELETE", f"/v1/sessions/{session}/objects/{file}")}[route]
        return self.server.request(method, f"{path}?{self.QUERIES[kind]}", headers=headers).status


@pytest.fixture(scope="module")
def world(make_module_server, tmp_path_factory):
    keys = Keys(tmp_path_factory.mktemp("keys"))
    forger = Keys(tmp_path_factory.mktemp("forger"), kid=keys.kid)
    many = {name: 100000 for name in ("MAX_REQUESTS", "UPLOAD_MAX_REQUESTS", "DOWNLOAD_MAX_REQUESTS", "FETCH_MAX_REQUESTS")}
    server = make_module_server({**keys.settings(), "CODEAPI_AUTH_PROVIDER": "both", **many})
    return World(server, keys, forger)


NOBODY = ["expired", "forged", "forged beside a good api key", "unsigned", "wrong api key", "none"]
OWNER = ["owner", "owner's api key", "empty bearer and api key"]
# Agents and skills belong to everyone of their tenant.
SAME_TENANT = ["other user", "other user's api key"]
OTHER_TENANT = ["other tenant", "no tenant"]
READS = ["exec", "download", "list", "metadata"]
DELETES = ["delete", "delete object"]


@pytest.mark.parametrize("who", NOBODY)
@pytest.mark.parametrize("route", READS + DELETES)
def test_nobody_gets_anywhere(world, who, route):
    for kind in ("user", "agent", "skill"):
        assert world.call(who, route, kind) == 401


@pytest.mark.parametrize("who", NOBODY)
def test_nobody_stores_anything(world, who):
    for path in ("/v1/upload", "/v1/upload/batch"):
        status, answer, headers = post_form(world.server, Form(("a.txt", b"x"), kind="user"), path, world.people[who])
        assert status == 401 and set(answer) == {"error"} and headers["X-Request-ID"], answer


@pytest.mark.parametrize("who", NOBODY)
def test_nobody_learns_which_routes_exist(world, who):
    for path in ("/v1/", "/v1/nothing", "/v1/files", "/v1/exec/none"):
        assert world.server.get(path, headers=world.people[who]).status == 401
    assert world.server.get("/v1/nothing", headers=world.people["owner"]).status == 404
    assert world.server.get("/v1/health", headers=world.people[who]).status == 200


@pytest.mark.parametrize("route", READS)
@pytest.mark.parametrize("who", OWNER)
def test_the_owner_reads_all_kinds(world, who, route):
    for kind in ("user", "agent", "skill"):
        assert world.call(who, route, kind) == 200


@pytest.mark.parametrize("route", READS)
@pytest.mark.parametrize("who", SAME_TENANT)
def test_others_of_the_tenant_read_what_is_the_tenants(world, who, route):
    assert world.call(who, route, "user") == 403
    for kind in ("agent", "skill"):
        assert world.call(who, route, kind) == 200


@pytest.mark.parametrize("route", READS + DELETES)
@pytest.mark.parametrize("who", OTHER_TENANT)
def test_other_tenants_read_nothing(world, who, route):
    for kind in ("user", "agent", "skill"):
        assert world.call(who, route, kind) == 403


@pytest.mark.parametrize("route", DELETES)
def test_only_those_who_may_delete(world, route):
    for who in SAME_TENANT:
        assert world.call(who, route, "user") == 403
    again = upload(world.server, ("gone.txt", b"x"), headers=world.people["owner"])
    kept, world.answers["user"] = world.answers["user"], again
    try:
        assert world.call("owner's api key", route, "user") == 200
        assert world.call("owner", route, "user") == 404
    finally:
        world.answers["user"] = kept


def test_outputs_are_their_users_own(world):
    """Whatever the inputs are, what a program makes is private to who ran it."""
    def run(who, code, files):
        reply = world.server.request("POST", "/v1/exec", json.dumps({"lang": "bash", "code": code, "files": files}).encode(),
                                     {"Content-Type": "application/json", **world.people[who]})
        assert reply.status == 200, reply
        return reply.json

    agent = [r for r in world.references if r["kind"] == "agent"]
    made = [file for file in run("other user", "cat agent.txt > mine.txt", agent)["files"] if "inherited" not in file]
    path = f"/v1/download/{made[0]['storage_session_id']}/{made[0]['id']}"
    assert world.server.get(f"{path}?kind=user&id=bob", headers=world.people["other user"]).body == b"agent"
    for who in ("owner", "other tenant"):
        for query in ("kind=user&id=bob", "kind=user&id=alice", "kind=agent&id=agent-1"):
            assert world.server.get(f"{path}?{query}", headers=world.people[who]).status == 403


def test_an_expired_session_is_gone_for_everyone(make_server, tmp_path):
    keys = Keys(tmp_path)
    server = make_server({**keys.settings(), "SESSION_CACHE_TTL": "1"})
    owner = keys.headers("alice", "acme")
    answer = upload(server, ("a.txt", b"x"), headers=owner)
    path = f"/v1/files/{answer['storage_session_id']}"
    until(lambda: server.get(path, headers=owner).status == 404, "it does not expire")
    assert server.get(path, headers=keys.headers("bob", "acme")).status == 404
