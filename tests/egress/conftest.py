"""Fixtures: a gateway with a real ledger and a real file server, and a whole service behind one."""

import secrets

import pytest
from guarded import TOKEN, GuardedStack, ledger_url
from harness import EgressGateway, FileServer, ToolCallServer, kept
from manifests import Signer
from stack import Redis



@pytest.fixture(scope="session")
def signer(tmp_path_factory):
    return Signer(tmp_path_factory.mktemp("keys"), "manifests")


@pytest.fixture(scope="module")
def redis():
    it = Redis()
    try:
        yield it.start()
    finally:
        it.destroy()


@pytest.fixture(scope="module")
def file_server():
    yield from running(FileServer({"CODEAPI_INTERNAL_SERVICE_TOKEN": TOKEN}))


@pytest.fixture(scope="module")
def tool_server():
    yield from running(ToolCallServer({"CODEAPI_INTERNAL_SERVICE_TOKEN": TOKEN}))


def running(server):
    try:
        yield server.start()
        assert server.stop() == 0, server.log()
    finally:
        server.destroy()


@pytest.fixture(scope="module")
def gateway_settings(redis, file_server, tool_server, signer):
    return {"CODEAPI_INTERNAL_SERVICE_TOKEN": TOKEN, "CODEAPI_EGRESS_GRANT_SECRET": secrets.token_hex(32),
            "SANDBOX_EXECUTION_MANIFEST_PUBLIC_KEY": signer.public,
            "EGRESS_GATEWAY_FILE_SERVER_URL": f"http://127.0.0.1:{file_server.port}",
            "EGRESS_GATEWAY_TOOL_CALL_SERVER_URL": f"http://127.0.0.1:{tool_server.port}/",
            "CODEAPI_EGRESS_LEDGER_REDIS_URL": ledger_url(redis), "CODEAPI_EGRESS_LEDGER_REQUIRED": "true"}


@pytest.fixture(scope="module")
def make_gateway(gateway_settings):
    """make_gateway(**settings): one more gateway, on the same ledger unless said otherwise."""
    yield from kept(lambda **settings: EgressGateway({**gateway_settings, **settings}).start())


@pytest.fixture(scope="module")
def gateway(make_gateway):
    return make_gateway()


@pytest.fixture(scope="module")
def guarded(signer):
    # A worker that died is noticed soon.
    with GuardedStack(signer, apis=1, workers=2, environment={"CODEAPI_QUEUE_LEASE": "2s"}) as it:
        yield it
