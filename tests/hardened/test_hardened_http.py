"""The requests of tests/http/test_smuggling.py against every role of a service in hardened mode, the egress gateway among them."""

import pytest
from roles import INTERNAL, Role, json_role
from test_smuggling import *  # noqa: F401,F403

NAMES = ["api", "worker", "file-server", "tool-call-server", "egress-gateway"]


@pytest.fixture(scope="session")
def every_role(hardened):
    key = f"X-API-Key: {hardened.api_key()}\r\n".encode()
    found = {role.name: role for role in (
        json_role("api", hardened.api, b"/v1/health", (200, b"OK"), b"/v1/exec", {"lang": "bash", "code": "echo well"},
                  (200, b'"stdout":"well\\n"'), key),
        json_role("worker", hardened.workers[0], b"/live", (200, b"OK"), b"/health", {}, (405, b"Method not allowed")),
        Role("file-server", hardened.file_server, b"/health", (200, b'{"status":"ok"}'), b"PUT",
             b"/sessions/" + b"s" * 21 + b"/objects/{new}",
             INTERNAL + b"X-Original-Filename: a.txt\r\nContent-Type: text/plain\r\n", b"the body", (200, b'"filename":"a.txt"')),
        json_role("tool-call-server", hardened.tool_call_server, b"/ready", (200, b'{"status":"ready"}'), b"/sessions",
                  {"execution_id": "e1", "session_id": "s1", "tools": [{"name": "weather"}]}, (200, b'"callback_token"'), INTERNAL),
        json_role("egress-gateway", hardened.gateway, b"/live", (200, b'{"status":"ok"}'), b"/internal/egress-grants", {"no": "claims"},
                  (400, b"manifest is required"), INTERNAL))}
    found["api"].unknown = {401, 404}  # nobody learns which routes there are below /v1
    return found


@pytest.fixture(params=NAMES)
def role(request, every_role):
    return every_role[request.param]
