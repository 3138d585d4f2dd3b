"""What the route refuses, in the words that clients know."""

import base64
import json

import pytest
from identity import Keys
from rounds import go_on, request, results, start, tool

ECHO = [tool("echo", "value")]
PATH = "/v1/exec/programmatic"


def error(server, body, status=400):
    reply = request(server, body)
    assert reply.status == status, reply
    return reply.json["error"]


@pytest.mark.parametrize("body, text", [
    ({"code": "1", "tools": ECHO, "lang": "ruby"},
     'Unsupported language "ruby"; supported values are "python" and "bash"'),
    ({"code": "1", "tools": ECHO, "language": "perl", "lang": "bash"},
     'Unsupported language "perl"; supported values are "python" and "bash"'),
    ({"code": "1", "tools": ECHO, "timeout": 0}, "timeout must be a positive number of milliseconds"),
    ({"code": "1", "tools": ECHO, "timeout": "x"}, "timeout must be a positive number of milliseconds"),
    ({"tools": ECHO}, "Missing required field: code"),
    ({"code": "", "tools": ECHO}, "Missing required field: code"),
    ({"code": "1"}, "Missing required field: tools (must be a non-empty array)"),
    ({"code": "1", "tools": []}, "Missing required field: tools (must be a non-empty array)"),
    ({"code": "1", "tools": [tool(f"t{i}") for i in range(101)]}, "Too many tools provided (101). Maximum is 100."),
    ({"code": "1", "tools": ECHO, "files": [{"name": "a/_ptc_history.json"}]},
     'files[].name "a/_ptc_history.json" is reserved for PTC runtime and cannot be supplied by callers'),
    ({"code": "1", "lang": "bash", "tools": [tool("a-b"), tool("a_b")]},
     'Bash tool names "a-b" and "a_b" normalize to the same function identifier "a_b"; rename one to avoid collision'),
])
def test_first_requests(server, body, text):
    assert error(server, body) == text


def test_py_is_python_too(server):
    assert request(server, {"code": "print(1)", "tools": ECHO, "lang": "py"}).json["stdout"] == "1\n"


@pytest.fixture(scope="module")
def waiting(server):
    """An execution that waits for call_001."""
    answer = start(server, "print(await echo(value='a'))", ECHO).json
    assert answer["status"] == "tool_call_required"
    return answer


def sent(**changes):
    return {"call_id": "call_001", "result": 1, "is_error": False, **changes}


@pytest.mark.parametrize("tool_results, text", [
    (None, "tool_results must be an array when continuation_token is provided"),
    ({}, "tool_results must be an array when continuation_token is provided"),
    ([], "tool_results must be a non-empty array; resubmit with at least one result per pending tool call"),
    ([sent()] * 201, "tool_results has 201 entries; the per-batch cap is 200"),
    (["x"], "tool_results entries must be objects"),
    ([sent(call_id="call_1")], 'tool_results[].call_id must match /^call_\\d{3,6}$/, got: "call_1"'),
    ([sent(call_id="call_0000001")], 'tool_results[].call_id must match /^call_\\d{3,6}$/, got: "call_0000001"'),
    ([sent(is_error="x")], "tool_results[call_001].is_error must be a boolean if present"),
    ([sent(error_message=1)], "tool_results[call_001].error_message must be a string if present"),
    ([sent(), sent()], "Duplicate call_id in tool_results: call_001"),
    ([sent(call_id="call_002")], "tool_results[call_002] was not issued by the sandbox for this execution"),
    ([sent(result="x" * 5_000_000)], "tool_results[call_001].result is 5000002 bytes, exceeds per-result cap 5000000"),
])
def test_continuations(server, waiting, tool_results, text):
    body = {"continuation_token": waiting["continuation_token"], "tool_results": tool_results}
    assert error(server, body) == text


@pytest.mark.parametrize("token", ["zzz", "e30=", base64.b64encode(b'{"execution_id":"../x","ts":1}').decode(), 5])
def test_tokens_that_are_none(server, token):
    assert error(server, {"continuation_token": token, "tool_results": [sent()]}) == "Invalid continuation token"


def test_unknown_executions(server):
    token = base64.b64encode(json.dumps({"execution_id": "A" * 21, "ts": 1}).encode()).decode()
    assert error(server, {"continuation_token": token, "tool_results": [sent()]}, 404) == \
        "Execution not found or expired"


def test_somebody_elses_execution(make_server, tmp_path):
    keys = Keys(tmp_path)
    server = make_server({**keys.settings(), "MAX_REQUESTS": 1000})
    mine = {"Authorization": f"Bearer {keys.token(sub='one')}"}
    theirs = {"Authorization": f"Bearer {keys.token(sub='two')}"}
    answer = start(server, "print(await echo(value='a'))", ECHO, headers=mine).json
    results_ = results(answer["tool_calls"], lambda name, given: 1)
    refused = go_on(server, answer, results_, headers=theirs)
    assert (refused.status, refused.json) == (403, {"error": "Forbidden"})
    assert go_on(server, answer, results_, headers=mine).json["stdout"] == "1\n"
