"""What every answer carries, what starts and what does not, and what errors keep to themselves."""

import json
import subprocess

import pytest
from harness import ID, clean_environment, command, free_port
from identity import Keys


def start(**settings):
    """`codeapi serve` that must refuse to start: its exit status and what it said."""
    run = subprocess.run(command("serve"), env=clean_environment(SERVICE_PORT=free_port(), **settings),
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return run.returncode, run.stderr


@pytest.mark.parametrize("settings,named", [
    ({"LOCAL_MODE": "true", "CODEAPI_HOST": "0.0.0.0"}, "CODEAPI_ALLOW_AUTH_PROVIDER_NONE"),
    ({"CODEAPI_HOST": "0.0.0.0"}, "CODEAPI_ALLOW_AUTH_PROVIDER_NONE"),
    ({"CODEAPI_AUTH_PROVIDER": "none"}, "CODEAPI_ALLOW_AUTH_PROVIDER_NONE"),
    ({"CODEAPI_AUTH_PROVIDER": "librechat-jwt"}, "CODEAPI_JWT_PUBLIC_KEY"),
    ({"CODEAPI_AUTH_PROVIDER": "both"}, "CODEAPI_JWT_PUBLIC_KEY"),
    ({"LOCAL_MODE": "false"}, "CODEAPI_JWT_PUBLIC_KEY"),
    ({"CODEAPI_AUTH_PROVIDER": "oauth"}, "CODEAPI_AUTH_PROVIDER"),
    ({"CODEAPI_JWT_PUBLIC_KEY": "my-hidden-text", "CODEAPI_JWT_KID": "k"}, "CODEAPI_JWT_PUBLIC_KEY"),
    ({"CODEAPI_JWT_JWKS_JSON": "{"}, "CODEAPI_JWT_JWKS_JSON"),
    ({"CODEAPI_JWT_PUBLIC_KEYS_DIR": "/nonexistent"}, "CODEAPI_JWT_PUBLIC_KEYS_DIR"),
    ({"CODEAPI_PLAN_LIMITS": "[]"}, "CODEAPI_PLAN_LIMITS"),
    ({"CODEAPI_PLAN_LIMITS": '{"a":{"run_memory_limit":-1}}'}, "CODEAPI_PLAN_LIMITS")])
def test_what_would_be_open_or_broken_does_not_start(tmp_path, settings, named):
    status, said = start(CODEAPI_DATA_DIR=tmp_path / "data", **settings)
    assert status != 0 and named in said, said
    assert "my-hidden-text" not in said, "a setting's value is nobody's business"


def test_a_public_address_needs_a_word(make_server):
    server = make_server({"CODEAPI_ALLOW_AUTH_PROVIDER_NONE": "true", "CODEAPI_AUTH_PROVIDER": "none"})
    assert server.exec_("bash", "echo hi")["stdout"] == "hi\n"


def test_every_answer_names_its_request_and_the_log_does_too(make_server):
    server = make_server()
    for method, path, status in (("GET", "/v1/health", 200), ("GET", "/v1/nothing", 404), ("PUT", "/v1/exec", 405),
                                 ("GET", "/v1/files/bad", 400), ("POST", "/v1/exec", 415)):
        reply = server.request(method, path)
        assert reply.status == status and ID.fullmatch(reply.headers["X-Request-ID"]), (path, reply)
    named = server.get("/v1/files/bad", headers={"X-Request-ID": "chat-42.a"})
    assert named.headers["X-Request-ID"] == "chat-42.a"
    assert server.stop() == 0
    lines = [json.loads(line) for line in server.lines if line.startswith("{")]
    assert [line for line in lines if line.get("request") == "chat-42.a" and line.get("status") == 400], server.log()


@pytest.mark.parametrize("profile,status,error", [(None, 200, None), ("default", 200, None),
                                                  ("stateful", 409, "execution_profile_mismatch"),
                                                  ("other", 400, "invalid_execution_profile")])
def test_execution_profiles(server, profile, status, error):
    headers = {"Content-Type": "application/json", **({"x-codeapi-expected-profile": profile} if profile else {})}
    reply = server.request("POST", "/v1/exec", b'{"lang":"bash","code":"true","runtime_session_hint":"v2:user:1"}', headers)
    assert reply.status == status and reply.headers["X-CodeAPI-Execution-Profile"] == "default"
    if error:
        assert reply.json["error"] == error and reply.json["message"]
    if status == 409:
        assert (reply.json["expected_profile"], reply.json["actual_profile"]) == ("stateful", "default")


@pytest.fixture(scope="module")
def token_server(make_module_server, tmp_path_factory):
    return make_module_server(Keys(tmp_path_factory.mktemp("keys")).settings())


@pytest.mark.parametrize("headers,status,error", [
    ({}, 401, "Bearer token is required"), ({"Authorization": "Bearer"}, 401, "Bearer token is required"),
    ({"Authorization": "Basic YTpi"}, 401, "Bearer token is required"),
    ({"Authorization": "Bearer x.y.z"}, 401, "Invalid bearer token"),
    ({"Authorization": "Bearer " + "a" * 20_000}, 401, "Invalid bearer token"),
    ({"X-API-Key": "anything"}, 401, "Bearer token is required")])
def test_what_clients_without_a_token_are_told(token_server, headers, status, error):
    reply = token_server.get("/v1/files/" + "A" * 21, headers=headers)
    assert (reply.status, reply.json) == (status, {"error": error})
    assert reply.headers["WWW-Authenticate"] == "Bearer"
