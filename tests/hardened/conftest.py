"""Fixtures: a whole service in hardened mode, which the tests of this directory share."""

import json

import pytest
from hardened_stack import HardenedStack


@pytest.fixture(scope="session")
def hardened(languages_root):
    """Its end is a test too: every role ends with status 0."""
    with HardenedStack(languages_root) as stack:
        yield stack
        for role, server in stack.servers():
            assert server.process.poll() is None, f"{role} died:\n{server.log()}"
            assert server.stop() == 0, server.log()


class Caller:
    """The API as one user sees it: a server of the harness whose requests carry that user's token."""

    def __init__(self, stack, user="user-0001", tenant="legacy"):
        self.stack, self.user, self.tenant, self.server = stack, user, tenant, stack.api
        self.headers = stack.keys.headers(user, tenant, life=299)

    def request(self, method, path, body=None, headers=None, **options):
        return self.server.request(method, path, body, {**self.headers, **(headers or {})}, **options)

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, body, path="/v1/exec", **options):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.request("POST", path, data, {"Content-Type": "application/json"}, **options)

    def exec_(self, lang, code, **body):
        reply = self.post({"lang": lang, "code": code, **body})
        assert reply.status == 200, reply
        return reply.json

    def download(self, file):
        return self.get(f"/v1/download/{file['storage_session_id']}/{file['id']}?kind=user&id={self.user}")


@pytest.fixture
def caller(hardened):
    """caller(user, tenant): somebody with a fresh token; their own rate limits are far away."""
    return lambda user="user-0001", tenant="legacy": Caller(hardened, user, tenant)
