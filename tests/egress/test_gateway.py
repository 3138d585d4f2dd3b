"""`codeapi egress-gateway` itself: who gets what, how much of it, and what is refused. The tests are the worker."""

import http.server
import json
import secrets
import socket
import subprocess
import threading
import time
import urllib.parse

import pytest
from guarded import AUTHORIZED, TOKEN, redis_command
from harness import binary, clean_environment, free_port, until
from manifests import Signer, new_id

GRANT = "X-CodeAPI-Egress-Grant"
WHY = "X-CodeAPI-Egress-Error"


def post(gateway, path, body, headers=None):
    return gateway.request("POST", f"/internal/{path}", json.dumps(body), AUTHORIZED if headers is None else headers)


def mint(gateway, manifest):
    return post(gateway, "egress-grants", {"manifest": manifest})


class Granted:
    """One grant and what it opens."""

    def __init__(self, gateway, signer, **claims):
        claims.setdefault("exec_id", new_id())
        self.gateway, self.execution = gateway, claims["exec_id"]
        self.manifest = signer.manifest(**claims)
        reply = mint(gateway, self.manifest)
        assert reply.status == 201, reply
        self.answer = reply.json
        self.token, self.output = self.answer["egressGrantToken"], self.answer["output_session_id"]
        self.headers = {GRANT: self.token}

    def put(self, name="a.txt", data=b"data", file=None, headers=None, output=None, **more):
        file = file or new_id()
        self.last = file
        sent = {**self.headers, "Content-Type": "text/plain", "X-Original-Filename": urllib.parse.quote(name, safe=""),
                **(headers or {})}
        return self.gateway.request("PUT", f"/sessions/{output or self.output}/objects/{file}", data, sent, **more)

    def path(self, i=0):
        file = self.answer["input_files"][i]
        return f"/sessions/{file['storage_session_id']}/objects/{file['id']}"

    def get(self, path, headers=None, method="GET"):
        return self.gateway.request(method, path, None, self.headers if headers is None else headers)

    def revoke(self, **more):
        return post(self.gateway, "egress-grants/revoke", {"egressGrantToken": self.token, **more})

    def renew(self):
        return post(self.gateway, "egress-grants/renew", {"egressGrantToken": self.token})


@pytest.fixture
def grant(gateway, signer):
    return Granted(gateway, signer)


@pytest.fixture
def stored(file_server):
    """stored(data, name): a file on the file server, as a manifest names it."""
    def store(data=b"content", name="in.txt"):
        session, file = new_id(), new_id()
        reply = file_server.request("PUT", f"/sessions/{session}/objects/{file}", data, {
            **AUTHORIZED, "Content-Type": "text/plain", "X-Original-Filename": urllib.parse.quote(name)})
        assert reply.status == 200, reply
        return {"id": file, "session_id": session, "name": name}
    return store


def refused(reply, status, why):
    assert (reply.status, reply.headers[WHY]) == (status, why), reply
    assert set(reply.json) == {"error"}


# -- Grants ----------------------------------------------------------------------------------------------------

def test_a_grant_needs_the_internal_token_and_a_signed_manifest(gateway, signer, tmp_path):
    manifest = signer.manifest()
    body = {"manifest": manifest}
    for headers in ({}, {"X-CodeAPI-Internal-Token": "x" * 64}):
        reply = post(gateway, "egress-grants", body, headers)
        assert (reply.status, reply.json) == (401, {"error": "Unauthorized"})
    refused(post(gateway, "egress-grants", {}), 400, "malformed")
    refused(post(gateway, "egress-grants", {"payload": {}, "claims": {}}), 400, "malformed")
    refused(mint(gateway, "x"), 400, "manifest_malformed")
    refused(mint(gateway, Signer(tmp_path, "other").manifest()), 403, "manifest_invalid_signature")
    payload, signature = manifest.split(".")
    refused(mint(gateway, f"{payload}=.{signature}"), 400, "manifest_malformed")
    other = signer.manifest(max_output_files=4).split(".")[0]
    refused(mint(gateway, f"{other}.{signature}"), 403, "manifest_invalid_signature")
    now = int(time.time())
    refused(mint(gateway, signer.manifest(iat=now - 500, exp=now - 60)), 403, "manifest_expired")
    refused(mint(gateway, signer.manifest(iat=now + 100, exp=now + 200)), 403, "manifest_not_yet_valid")
    outside = [{"id": "../../../metrics", "session_id": new_id(), "name": "a"}]
    refused(mint(gateway, signer.manifest(input_files=outside, read_sessions=[outside[0]["session_id"]])), 400,
            "malformed")
    assert mint(gateway, manifest).status == 201, "what was refused before cost nothing"


def test_a_round_is_admitted_once(gateway, make_gateway, signer):
    grant = Granted(gateway, signer)
    beside = make_gateway()
    for one in (gateway, beside):
        refused(mint(one, grant.manifest), 409, "leased")
    assert grant.revoke().status == 204
    for one in (gateway, beside):
        refused(mint(one, grant.manifest), 409, "finished")
    refused(grant.put(), 403, "revoked")
    refused(grant.renew(), 403, "revoked")
    assert grant.revoke().status == 204, "ending twice is ending"
    assert Granted(gateway, signer, exec_id=grant.execution, round=2).put().status == 200


def test_what_was_released_is_admitted_again_and_the_old_grant_is_not(gateway, signer):
    old = Granted(gateway, signer)
    assert old.revoke(release=True).status == 204
    new = mint(gateway, old.manifest)
    assert new.status == 201
    refused(old.put(), 403, "superseded")
    refused(old.revoke(), 403, "superseded")
    refused(mint(gateway, old.manifest), 409, "leased")


def test_a_lease_is_renewed_or_ends(make_gateway, signer):
    gateway = make_gateway(CODEAPI_EGRESS_LEASE="1s")
    grant = Granted(gateway, signer)
    for _ in range(3):
        assert grant.renew().status == 204
        refused(mint(gateway, grant.manifest), 409, "leased")
    until(lambda: mint(gateway, grant.manifest).status == 201, "the lease ends")
    refused(grant.renew(), 403, "superseded")


def test_a_grant_lives_no_longer_than_it_may(make_gateway, gateway, signer):
    now = int(time.time())
    short = Granted(gateway, signer, iat=now - 100, exp=now - 29)
    assert short.answer["expires_at"] == now - 29
    until(lambda: short.put().status == 401, "it expires")
    refused(short.put(), 401, "expired")
    assert short.revoke().status == 204, "to end it is never too late"
    lasting = Granted(make_gateway(EGRESS_GRANT_TTL_SECONDS="60"), signer)
    assert abs(lasting.answer["expires_at"] - now - 60) < 30


def test_changed_grants_and_handles_open_nothing(gateway, signer, stored):
    grant = Granted(gateway, signer, input_files=[stored()], read_sessions=[])
    for token in (grant.token[:-1] + ("A" if grant.token[-1] != "A" else "B"), grant.token[:-5], grant.token + ".x",
                  "ceg1.AAAA.AAAA.AAAA", "ceg2" + grant.token[4:], "x" * 5000, grant.answer["output_session_id"]):
        refused(grant.get(grant.path(), {GRANT: token}), 400, "malformed")
    refused(grant.get(grant.path(), {}), 400, "no_grant")
    file = grant.answer["input_files"][0]
    session, handle = file["storage_session_id"], file["id"]
    changed = ("A" if handle[-1] != "A" else "B")
    refused(grant.get(f"/sessions/{session}/objects/{handle[:-1]}{changed}"), 400, "malformed")
    refused(grant.get(f"/sessions/{handle}/objects/{session}"), 403, "wrong_type")
    refused(grant.get(f"/sessions/{grant.output}/objects/{handle}"), 403, "wrong_type")
    refused(grant.put(output=session), 403, "wrong_type")
    assert grant.get(grant.path()).body == b"content"


def test_handles_are_of_one_grant(gateway, signer, stored):
    files = [stored(b"mine")], [stored(b"another's")]
    mine, other = (Granted(gateway, signer, input_files=one, read_sessions=[]) for one in files)
    refused(mine.get(other.path()), 403, "scope_mismatch")
    refused(mine.put(output=other.output), 403, "scope_mismatch")
    # The session's handle of one and the object's of another file of the same grant.
    two = Granted(gateway, signer, input_files=[stored(), stored(name="b.txt")], read_sessions=[])
    one, another = two.answer["input_files"]
    refused(two.get(f"/sessions/{one['storage_session_id']}/objects/{another['id']}"), 403, "scope_mismatch")


def test_handles_tell_nothing(gateway, signer, stored):
    file = stored()
    answer = json.dumps(Granted(gateway, signer, input_files=[file], read_sessions=[]).answer)
    assert file["id"] not in answer and file["session_id"] not in answer


def test_grants_of_another_secret_are_nothing(gateway, make_gateway, signer):
    grant = Granted(make_gateway(CODEAPI_EGRESS_GRANT_SECRET=secrets.token_hex(32)), signer)
    refused(gateway.request("GET", grant.path() if grant.answer["input_files"] else
                            f"/sessions/{grant.output}/objects/{grant.output}", None, grant.headers), 400, "malformed")


# -- Files -----------------------------------------------------------------------------------------------------

def test_an_input_passes_as_it_is(gateway, signer, stored):
    data = secrets.token_bytes(3_000_000)
    grant = Granted(gateway, signer, input_files=[stored(data, "dir/näme.bin")], read_sessions=[])
    reply = grant.get(grant.path())
    assert reply.status == 200 and reply.body == data
    assert reply.headers["Content-Type"] == "text/plain"
    assert urllib.parse.unquote(reply.headers["X-Original-Filename"]) == "dir/näme.bin"
    assert reply.headers["X-Request-ID"]
    info = grant.get(grant.path() + "/metadata").json
    assert info["size"] == len(data)


def test_an_input_that_is_gone_is_not_found(gateway, signer):
    missing = {"id": new_id(), "session_id": new_id(), "name": "gone.txt"}
    grant = Granted(gateway, signer, input_files=[missing], read_sessions=[])
    refused(grant.get(grant.path()), 404, "not_found")
    refused(grant.get(grant.path() + "/metadata"), 404, "not_found")


def test_an_output_is_stored_under_the_manifests_session(gateway, file_server, grant):
    assert grant.put("dir/out.csv", b"a,b").status == 200
    reply = file_server.request("GET", f"/sessions/{grant.execution}/objects/{grant.last}", headers=AUTHORIZED)
    assert reply.body == b"a,b" and reply.headers["X-Original-Filename"] in ("dir%2Fout.csv", "dir/out.csv")
    own = f"/sessions/{grant.output}/objects/{grant.last}"
    assert grant.get(own + "/metadata").json["size"] == 3
    refused(grant.get(own), 403, "wrong_type")  # to be read it needs a handle, which nobody gives out
    assert grant.get(own, method="DELETE").status == 200
    refused(grant.get(f"/sessions/{grant.output}/objects/{new_id()}", method="DELETE"), 403, "scope_mismatch")


def test_uploads_are_counted(gateway, signer):
    grant = Granted(gateway, signer)
    assert grant.put(data=b"x" * 1000).status == 200
    refused(grant.put(data=b"x" * 1001), 413, "file_bytes")
    refused(grant.put(file=grant.last[:-1]), 400, "malformed")
    first = grant.last
    assert grant.put().status == 200
    refused(grant.put(file=grant.last), 403, "file_id_used")
    assert grant.put(data=b"").status == 200
    refused(grant.put(), 403, "file_budget")
    assert first


def test_a_body_without_a_length_is_cut_at_its_budget(gateway, file_server, signer):
    grant = Granted(gateway, signer, max_upload_bytes=100_000)
    reply = grant.put(data=iter([b"x" * 30_000] * 3), file=new_id())
    assert reply.status == 200, reply
    refused(grant.put(data=iter([b"x" * 30_000] * 4)), 413, "file_bytes")
    lost = file_server.request("GET", f"/sessions/{grant.execution}/objects/{grant.last}", headers=AUTHORIZED)
    assert lost.status == 404, "nothing of it is there"
    # What was refused was given back: two more may come, and no third.
    until(lambda: grant.put().status == 200, "the place of the refused one is free again")
    assert grant.put().status == 200
    refused(grant.put(), 403, "file_budget")


def test_the_gateways_own_limit_counts_too(make_gateway, signer):
    grant = Granted(make_gateway(EGRESS_GATEWAY_MAX_FILE_BYTES="10"), signer)
    assert grant.put(data=b"x" * 10).status == 200
    refused(grant.put(data=b"x" * 11), 413, "file_bytes")


def test_requests_run_out(gateway, signer, stored):
    grant = Granted(gateway, signer, input_files=[stored()], read_sessions=[], max_requests=3)
    for _ in range(3):
        assert grant.get(grant.path()).status == 200
    refused(grant.get(grant.path()), 403, "request_budget")
    refused(grant.put(), 403, "request_budget")
    assert grant.renew().status == 204 and grant.revoke().status == 204


@pytest.mark.parametrize("name", ["../a.txt", "/a.txt", "a/../b.txt", "a//b.txt", "./a.txt", "a/", ".", "..", "a\\b.txt",
                                  "a\0.txt", "x" * 257 + ".txt", "a/" * 10 + "b.txt"])
def test_names_that_lead_elsewhere(grant, name):
    refused(grant.put(name), 400, "malformed")


@pytest.mark.parametrize("name,status", [("a.exe", 403), ("Makefile", 403), ("a", 403), ("a.txt.so", 403),
                                         ("Dockerfile", 200), (".env", 200), ("a.CSV", 200), ("d/.dirkeep", 200)])
def test_extensions(grant, name, status):
    assert grant.put(name).status == status


@pytest.mark.parametrize("file", ["..%2f..%2fmetrics", "%2e%2e", "..", "a" * 20, "a" * 22, "a" * 20 + "%2f", "a" * 20 + "%00",
                                  "a" * 20 + "?", "a" * 20 + "%0d%0aX:y"])
def test_ids_that_are_none(grant, file):
    reply = grant.put(file=file)
    assert reply.status in (400, 404, 405), reply


@pytest.mark.parametrize("path", ["/sessions/{s}/objects/../../metrics", "/sessions/..%2f..%2fmetrics/objects/{f}",
                                  "/sessions/{s}/objects/{f}/../../../..", "//127.0.0.1/sessions/{s}/objects/{f}",
                                  "http://127.0.0.1:1/sessions/{s}/objects/{f}", "/sessions/{s}/objects/{f}%2fmetadata",
                                  "/sessions/{s}/objects/{f}?url=http://127.0.0.1:1/", "/sessions", "/sessions/{s}/objects",
                                  "/sessions/{s}/objects/{f}/more", "/internal", "/anything"])
def test_paths_lead_nowhere_else(gateway, signer, stored, path):
    grant = Granted(gateway, signer, input_files=[stored()], read_sessions=[])
    file = grant.answer["input_files"][0]
    target = path.format(s=file["storage_session_id"], f=file["id"])
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=30) as raw:
        raw.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{GRANT}: {grant.token}\r\n\r\n".encode())
        answer = b""
        while piece := raw.recv(65536):
            answer += piece
    # An absolute target names a host as well, and nobody looks at that.
    if path.startswith("http:"):
        assert answer.split()[1] == b"200" and answer.endswith(b"content"), answer
    else:
        assert answer.split()[1] in (b"400", b"404", b"405"), answer


def test_headers_of_the_worker_do_not_reach_the_file_server(gateway_settings, make_gateway, signer):
    with Upstream() as upstream:
        grant = Granted(make_gateway(EGRESS_GATEWAY_FILE_SERVER_URL=upstream.url), signer)
        upstream.answer = (200, {}, b"{}")
        grant.put("a\r\nX-Read-Only: true.txt", headers={
            "X-Read-Only": "true", "X-Forwarded-Host": "evil", "Cookie": "a=b", "Authorization": "Bearer x",
            "X-CodeAPI-Internal-Token": "mine"})
        method, path, headers, body = upstream.seen[0]
    assert (method, path, body) == ("PUT", f"/sessions/{grant.execution}/objects/{grant.last}", b"data")
    assert {name.lower() for name in headers} <= {"host", "accept", "user-agent", "content-length", "content-type",
                                                  "traceparent", "x-codeapi-internal-token", "x-original-filename"}
    assert headers["X-CodeAPI-Internal-Token"] == TOKEN
    assert headers["X-Original-Filename"] == "a%0D%0AX-Read-Only%3A%20true.txt"


def test_a_grant_twice_is_none(gateway, signer, stored):
    grant = Granted(gateway, signer, input_files=[stored()], read_sessions=[])
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=30) as raw:
        raw.sendall(f"GET {grant.path()} HTTP/1.1\r\nHost: x\r\n{GRANT}: {grant.token}\r\n{GRANT}: {grant.token}\r\n\r\n".encode())
        assert raw.recv(65536).split()[1] == b"400"


# -- Upstreams that misbehave, and ends half-way ---------------------------------------------------------------

class Upstream:
    """In the place of the file server: answers every request in the way that a test says."""

    def __init__(self):
        upstream = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                upstream.seen.append((self.command, self.path, dict(self.headers.items()), body))
                status, headers, data = upstream.answer
                self.send_response(status)
                for name, value in {"Content-Length": str(len(data)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)
                if upstream.answer[1].get("Content-Length"):
                    self.close_connection = True

            do_GET = do_PUT = do_POST = do_DELETE = handle_one

            def log_message(self, *_):
                pass

        self.seen, self.answer = [], (200, {}, b"{}")
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def test_redirects_are_not_followed(make_gateway, signer):
    with Upstream() as target, Upstream() as upstream:
        gateway = make_gateway(EGRESS_GATEWAY_FILE_SERVER_URL=upstream.url)
        missing = {"id": new_id(), "session_id": new_id(), "name": "a.txt"}
        grant = Granted(gateway, signer, input_files=[missing], read_sessions=[])
        for status in (301, 302, 303, 307, 308):
            upstream.answer = (status, {"Location": f"{target.url}/stolen"}, b"")
            for reply in (grant.get(grant.path()), grant.get(grant.path() + "/metadata"), grant.put()):
                refused(reply, 502, "upstream_redirect")
        assert target.seen == []


def test_what_the_environment_says_of_proxies_is_not_asked(make_gateway, file_server, signer, stored):
    with Upstream() as proxy:
        gateway = make_gateway(http_proxy=proxy.url, HTTP_PROXY=proxy.url, ALL_PROXY=proxy.url)
        grant = Granted(gateway, signer, input_files=[stored()], read_sessions=[])
        assert grant.get(grant.path()).body == b"content"
        assert proxy.seen == []


def test_a_file_cut_short_is_no_whole_file(make_gateway, signer):
    with Upstream() as upstream:
        upstream.answer = (200, {"Content-Length": "1000", "Content-Type": "text/plain"}, b"short")
        missing = {"id": new_id(), "session_id": new_id(), "name": "a.txt"}
        grant = Granted(make_gateway(EGRESS_GATEWAY_FILE_SERVER_URL=upstream.url), signer, input_files=[missing],
                        read_sessions=[])
        with pytest.raises(http.client.IncompleteRead):
            grant.get(grant.path())


def test_a_file_server_that_is_away_or_refuses_us(make_gateway, signer):
    with Upstream() as upstream:
        grant = Granted(make_gateway(EGRESS_GATEWAY_FILE_SERVER_URL=upstream.url), signer)
        for status in (401, 403, 500, 503):
            upstream.answer = (status, {}, b"secret words of the file server")
            reply = grant.put()
            refused(reply, 502, "upstream_unavailable")
            assert b"secret" not in reply.body
        upstream.answer = (409, {}, b"")
        refused(grant.put(), 409, "conflict")
        upstream.answer = (200, {}, b"{}")
        until(lambda: grant.put().status == 200, "what was not stored was given back")
    away = Granted(make_gateway(EGRESS_GATEWAY_FILE_SERVER_URL=f"http://127.0.0.1:{free_port()}"), signer)
    refused(away.put(), 502, "upstream_unavailable")


def begin_upload(grant, length=1000):
    """A PUT of which half has been sent."""
    raw = socket.create_connection(("127.0.0.1", grant.gateway.port), timeout=30)
    grant.last = new_id()
    raw.sendall(f"PUT /sessions/{grant.output}/objects/{grant.last} HTTP/1.1\r\nHost: x\r\n{GRANT}: {grant.token}\r\n"
                f"Content-Type: text/plain\r\nX-Original-Filename: a.txt\r\nContent-Length: {length}\r\n\r\n".encode()
                + b"x" * (length // 2))
    return raw


def test_a_worker_that_leaves_half_way_stores_nothing(gateway, file_server, redis, signer):
    grant = Granted(gateway, signer, max_output_files=1)
    raw = begin_upload(grant)
    record = f"codeapi-egress:{{{grant.execution}}}:1"
    until(lambda: redis_command(redis, "HEXISTS", record, f"f:{grant.last}") == "1", "the upload has begun")
    refused(grant.put(), 403, "file_budget")
    half = grant.last
    raw.close()
    until(lambda: grant.put().status == 200, "what it had reserved is free again")
    assert half != grant.last
    assert file_server.request("GET", f"/sessions/{grant.execution}/objects/{half}", headers=AUTHORIZED).status == 404


def test_a_gateway_killed_half_way_stores_nothing_and_another_goes_on(make_gateway, gateway, file_server, redis, signer):
    lost = make_gateway()
    grant = Granted(lost, signer)
    raw = begin_upload(grant)
    record = f"codeapi-egress:{{{grant.execution}}}:1"
    until(lambda: redis_command(redis, "HEXISTS", record, f"f:{grant.last}") == "1", "the upload has begun")
    lost.kill()
    raw.close()
    half = grant.last
    grant.gateway = gateway
    assert grant.put().status == 200, "the grant is good at any gateway of this secret and ledger"
    until(lambda: file_server.request("GET", f"/sessions/{grant.execution}/objects/{half}",
                                      headers=AUTHORIZED).status == 404, "nothing is stored")


def test_without_its_ledger_nothing_is_granted(make_gateway, redis, signer):
    gateway = make_gateway()
    grant = Granted(gateway, signer)
    assert gateway.get("/ready").status == 200
    redis.pause()
    try:
        refused(mint(gateway, signer.manifest()), 503, "ledger_unavailable")
        refused(grant.put(), 503, "ledger_unavailable")
        assert gateway.get("/ready").status == gateway.get("/health").status == 503
        assert gateway.get("/live").status == 200
    finally:
        redis.resume()
    until(lambda: gateway.get("/ready").status == 200, "it comes back")
    assert grant.put().status == 200


# -- Tool calls ------------------------------------------------------------------------------------------------

def test_calls_of_a_round_are_counted_over_the_execution(gateway, signer):
    claims = {"tool_calls": 4, "tool_call_socket": True, "support_sha256": "A" * 43}
    first = Granted(gateway, signer, **claims)

    def note(grant, last):
        return post(gateway, "egress-grants/tool-calls", {"egressGrantToken": grant.token, "last_call": last})
    assert note(first, 3).status == 204 and note(first, 3).status == 204
    for wrong in (0, -1, 1.5, "1", None, 1 << 40):
        refused(note(first, wrong), 400, "malformed")
    assert first.revoke().status == 204
    second = Granted(gateway, signer, exec_id=first.execution, round=2, **claims)
    assert note(second, 4).status == 204
    refused(note(second, 5), 403, "tool_call_budget")
    refused(note(first, 4), 403, "revoked")


class Caller:
    """A program of another service that calls tools through the gateway."""

    def __init__(self, gateway, tool_server, signer, allowed=None, calls=2):
        self.grant = Granted(gateway, signer, tool_calls=calls, tool_call_socket=True, support_sha256="A" * 43)
        self.tool_server, execution = tool_server, self.grant.execution
        opened = tool_server.request("POST", "/sessions", json.dumps(
            {"execution_id": execution, "session_id": "s1", "tools": [{"name": "weather"}, {"name": "news"}]}), AUTHORIZED)
        self.raw_token = opened.json["callback_token"]
        body = {"executionId": execution, "sessionId": "s1", "callbackToken": self.raw_token}
        if allowed is not None:
            body["allowedToolNames"] = allowed
        reply = post(gateway, "ptc-callback-token", body)
        assert reply.status == 201, reply
        self.token = reply.json["callbackToken"]

    def call(self, body=b'{"tool_name":"weather","input":{"a":1}}', headers=None, **changes):
        sent = {"X-Execution-ID": self.grant.execution, "X-Callback-Token": self.token, "X-Tool-Call-ID": "c1",
                "Content-Type": "application/json", **self.grant.headers, **changes}
        sent = {name: value for name, value in sent.items() if value is not None}
        return self.grant.gateway.request("POST", "/tool-call", body, sent)

    def answered(self, **options):
        """A call and its answer by whoever runs the tools."""
        replies = []
        thread = threading.Thread(target=lambda: replies.append(self.call(**options)))
        thread.start()
        path = f"/sessions/{self.grant.execution}"
        pending = until(lambda: self.tool_server.request("GET", path + "/pending", headers=AUTHORIZED).json["pending_calls"]
                        or replies, "the call arrives")
        if not replies:
            self.tool_server.request("POST", path + "/results", json.dumps(
                {"results": [{"call_id": pending[0]["call_id"], "result": "sunny"}]}), AUTHORIZED)
        thread.join(30)
        return replies[0]


def test_a_tool_is_called_through_the_gateway(gateway, tool_server, signer):
    caller = Caller(gateway, tool_server, signer, ["weather"])
    assert caller.raw_token not in caller.token
    reply = caller.answered()
    assert reply.status == 200 and reply.json["result"] == "sunny", reply
    refused(caller.call(b'{"tool_name":"news","input":{}}'), 403, "tool")
    refused(caller.call(b'{"tool_name":"weather","tool_name":"news"}'), 400, "malformed")
    assert caller.answered().status == 200
    refused(caller.call(), 403, "tool_call_budget")


def test_an_empty_list_of_tools_allows_none(gateway, tool_server, signer):
    refused(Caller(gateway, tool_server, signer, []).call(), 403, "tool")


def test_calls_that_are_refused(gateway, tool_server, signer):
    caller = Caller(gateway, tool_server, signer)
    for name in ("X-Execution-ID", "X-Callback-Token", "X-Tool-Call-ID"):
        reply = caller.call(**{name: None})
        assert (reply.status, reply.body, reply.headers["Connection"]) == (404, b"not found", "close")
    refused(caller.call(**{GRANT: None}), 400, "no_grant")
    refused(caller.call(**{"X-Callback-Token": caller.raw_token}), 400, "malformed")
    refused(caller.call(**{"X-Execution-ID": new_id()}), 403, "scope_mismatch")
    other = Caller(gateway, tool_server, signer)
    refused(caller.call(**{"X-Callback-Token": other.token}), 403, "scope_mismatch")
    refused(caller.call(b"x" * ((1 << 20) + 1)), 413, "too_large")
    refused(caller.call(iter([b"{}"])), 411, "malformed")


def test_callback_tokens_want_what_they_need(gateway):
    for body, text in (({}, "executionId, sessionId, and callbackToken are required"),
                       ({"executionId": "e", "sessionId": "s", "callbackToken": "t", "timeoutSeconds": 0},
                        "timeoutSeconds must be a finite positive number"),
                       ({"executionId": "e", "sessionId": "s", "callbackToken": "t", "allowedToolNames": "a"},
                        "allowedToolNames must be an array of strings")):
        reply = post(gateway, "ptc-callback-token", body)
        refused(reply, 400, "malformed")
        assert reply.json["error"] == text


# -- The role ----------------------------------------------------------------------------------------------------

def test_help_names_the_role():
    for arguments in (["--help"], ["egress-gateway", "--help"]):
        run = subprocess.run([binary(), *arguments], capture_output=True, text=True, check=True)
        assert "egress-gateway" in run.stdout
    assert "EGRESS_GATEWAY_PORT" in run.stdout


@pytest.mark.parametrize("name,value", [
    ("CODEAPI_INTERNAL_SERVICE_TOKEN", ""), ("CODEAPI_EGRESS_GRANT_SECRET", ""), ("CODEAPI_EGRESS_GRANT_SECRET", "short"),
    ("SANDBOX_EXECUTION_MANIFEST_PUBLIC_KEY", ""), ("SANDBOX_EXECUTION_MANIFEST_PUBLIC_KEY", "no key"),
    ("EGRESS_GATEWAY_FILE_SERVER_URL", ""), ("EGRESS_GATEWAY_FILE_SERVER_URL", "ftp://127.0.0.1"),
    ("EGRESS_GATEWAY_FILE_SERVER_URL", "http://a@127.0.0.1"), ("EGRESS_GATEWAY_TOOL_CALL_SERVER_URL", "http://x/?y"),
    ("CODEAPI_EGRESS_LEDGER_REDIS_URL", ""), ("CODEAPI_EGRESS_LEDGER_REDIS_URL", "http://127.0.0.1")])
def test_it_does_not_start_without(gateway_settings, name, value):
    run = subprocess.run([binary(), "egress-gateway"], env=clean_environment(**{**gateway_settings, name: value}),
                         capture_output=True, text=True, timeout=30)
    assert run.returncode == 1 and name in run.stderr, run.stderr


def test_logs_and_metrics_tell_no_secrets(gateway, signer, stored):
    grant = Granted(gateway, signer, input_files=[stored(name="secret-name.txt")], read_sessions=[],
                    tenant_id="secret-tenant", user_id="secret-user")
    assert grant.get(grant.path()).status == 200
    grant.revoke()
    until(lambda: "egress grant ended" in gateway.log(), "it is logged")
    words = gateway.log() + gateway.get("/metrics").body.decode()
    for secret in ("secret-name", "secret-tenant", "secret-user", grant.token, grant.answer["grant_id"], grant.manifest, TOKEN):
        assert secret not in words
