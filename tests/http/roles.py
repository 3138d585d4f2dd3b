"""Every role that speaks HTTP, with requests whose right answers are known."""

import contextlib
import json
import secrets

from harness import Api, FileServer, ToolCallServer, Worker
from stack import Redis

TOKEN = secrets.token_hex(32)
INTERNAL = f"X-CodeAPI-Internal-Token: {TOKEN}\r\n".encode()
HOST = b"Host: codeapi\r\n"


class Role:
    """One server. `probe` is a GET, `post` a request that takes a body; both with what they must be answered."""

    def __init__(self, name, server, probe, good, method, target, fields, body, wanted):
        self.name, self.server, self.port = name, server, server.port
        self.probe_target, self.good = probe, good
        self.unknown = {404}  # the status of a path that leads nowhere
        self.method, self.target, self.fields, self.body, self.wanted = method, target, fields, body, wanted

    def probe(self, version=b"HTTP/1.1", more=b""):
        return b"GET " + self.probe_target + b" " + version + b"\r\n" + HOST + more + b"\r\n"

    def head(self, more=b"", version=b"HTTP/1.1"):
        """The head of a request with a body, without any field that frames it."""
        # An object is stored once, so every request stores another one.
        target = self.target.replace(b"{new}", secrets.token_hex(11)[:21].encode())
        return self.method + b" " + target + b" " + version + b"\r\n" + HOST + self.fields + more

    def post(self, body=None):
        body = self.body if body is None else body
        return self.head() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body

    def assert_probe(self, answer):
        assert (answer.status, answer.body) == self.good, answer

    def assert_post(self, answer):
        status, part = self.wanted
        assert answer.status == status and part in answer.body, answer


def json_role(name, server, probe, good, target, value, wanted, fields=b""):
    return Role(name, server, probe, good, b"POST", target, b"Content-Type: application/json\r\n" + fields,
                json.dumps(value).encode(), wanted)


@contextlib.contextmanager
def roles():
    """name → Role, all of them processes of their own on one Redis."""
    made, redis = [], Redis()
    token = {"CODEAPI_INTERNAL_SERVICE_TOKEN": TOKEN}

    def started(server):
        made.append(server.start())
        return server

    try:
        redis.start()
        files = started(FileServer(token))
        shared = {**redis.settings(), **token, "FILE_SERVER_URL": f"http://127.0.0.1:{files.port}"}
        worker, api = started(Worker(shared)), started(Api(shared))
        calls = started(ToolCallServer(token))
        yield {role.name: role for role in (
            json_role("api", api, b"/v1/health", (200, b"OK"), b"/v1/exec",
                      {"lang": "bash", "code": "echo well"}, (200, b'"stdout":"well\\n"')),
            Role("file-server", files, b"/health", (200, b'{"status":"ok"}'), b"PUT",
                 b"/sessions/" + b"s" * 21 + b"/objects/{new}",
                 INTERNAL + b"X-Original-Filename: a.txt\r\nContent-Type: text/plain\r\n", b"the body", (200, b'"filename":"a.txt"')),
            json_role("tool-call-server", calls, b"/ready", (200, b'{"status":"ready"}'), b"/sessions",
                      {"execution_id": "e1", "session_id": "s1", "tools": [{"name": "weather"}]},
                      (200, b'"callback_token"'), INTERNAL),
            # It takes no bodies: every POST is refused, and that is the right answer.
            json_role("worker", worker, b"/live", (200, b"OK"), b"/health", {}, (405, b"Method not allowed")),
        )}
        for server in reversed(made):
            assert server.stop() == 0, server.log()
    finally:
        for server in made:
            server.destroy()
        redis.destroy()
