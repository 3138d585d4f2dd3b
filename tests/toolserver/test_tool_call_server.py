"""`codeapi tool-call-server`: calls meet their results, who may do what, and what happens when one side goes."""

import concurrent.futures
import json
import subprocess
import threading

import pytest
from harness import ToolCallServer, binary, clean_environment, free_port, kept, until

TOKEN = "the-token-of-the-tests"
AUTHORIZED = {"X-CodeAPI-Internal-Token": TOKEN}
LIMIT = 1 << 20


@pytest.fixture
def make_call_server():
    """make_call_server(**settings): a started one; those still running at the end must stop cleanly."""
    yield from kept(lambda **settings: ToolCallServer({"CODEAPI_INTERNAL_SERVICE_TOKEN": TOKEN, **settings}).start())


@pytest.fixture
def calls(make_call_server):
    return make_call_server()


@pytest.fixture
def beside():
    """beside(function, *arguments): runs it in a thread of its own; returns its future."""
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        yield pool.submit


def owner(server, method, path, body=None):
    """What the service that owns a session asks."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    return server.request(method, path, data, {"Content-Type": "application/json", **AUTHORIZED})


def opened(server, execution="e1", **more):
    body = {"execution_id": execution, "session_id": "s1", "tools": [{"name": "weather"}], **more}
    reply = owner(server, "POST", "/sessions", body)
    assert reply.status == 200, reply
    return reply.json["callback_token"]


def headers(token, call="c1", execution="e1"):
    return {"X-Execution-ID": execution, "X-Callback-Token": token, "X-Tool-Call-ID": call,
            "Content-Type": "application/json"}


def call(server, token, number="c1", tool="weather", given=None, execution="e1"):
    """What a program asks; it waits for the result."""
    body = json.dumps({"tool_name": tool, "input": {} if given is None else given}).encode()
    return server.request("POST", "/tool-call", body, headers(token, number, execution))


def pending(server, execution="e1", count=1):
    """The calls that wait, once there are `count`."""
    def look():
        reply = owner(server, "GET", f"/sessions/{execution}/pending")
        assert reply.status == 200, reply
        return reply.json if len(reply.json["pending_calls"]) == count else None
    return until(look, f"{count} calls wait")


def give(server, *results, execution="e1"):
    return owner(server, "POST", f"/sessions/{execution}/results", {"results": results})


def refused(**environment):
    """The stderr of a server that has to refuse to start."""
    run = subprocess.run([binary(), "tool-call-server"], capture_output=True, text=True, timeout=60,
                         stdin=subprocess.DEVNULL,
                         env=clean_environment(TOOL_CALL_SERVER_PORT=free_port(), **environment))
    assert run.returncode == 1, run
    return run.stderr


def test_a_call_is_answered_by_its_result(calls, beside):
    reply = owner(calls, "POST", "/sessions", {"execution_id": "e1", "session_id": "s1",
                                               "tools": [{"function": {"name": "weather"}}]})
    session = reply.json
    assert reply.status == 200 and session["success"] is True and session["execution_id"] == "e1"
    assert session["callback_url"] == f"http://localhost:{calls.port}"
    token = session["callback_token"]
    assert len(token) == 32
    asked = beside(call, calls, token, given={"city": "Köln", "n": 1.5})
    seen = pending(calls)
    assert seen["status"] == "waiting" and seen["partial_stdout"] == "" and seen["partial_stderr"] == ""
    (one,) = seen["pending_calls"]
    assert isinstance(one.pop("timestamp"), int)
    assert one == {"call_id": "c1", "tool_name": "weather", "tool_input": {"city": "Köln", "n": 1.5}}
    assert not asked.done()
    answer = give(calls, {"call_id": "c1", "result": {"sun": True, "deep": [[[1]]]}})
    assert answer.status == 200 and answer.json == {"success": True, "processed": 1}
    told = asked.result()
    assert told.status == 200
    assert told.json == {"success": True, "result": {"sun": True, "deep": [[[1]]]}, "is_error": False}
    status = owner(calls, "GET", "/sessions/e1").json
    assert status["status"] == "running" and status["session_id"] == "s1"
    assert status["created_at"] <= status["updated_at"]
    assert owner(calls, "GET", "/sessions/e1/status").json == status


def test_errors_of_tools_are_results(calls, beside):
    token = opened(calls)
    asked = beside(call, calls, token)
    pending(calls)
    give(calls, {"call_id": "c1", "result": None, "is_error": True, "error_message": "no \"such\" city"})
    assert asked.result().json == {"success": True, "result": None, "is_error": True,
                                   "error_message": "no \"such\" city"}


def test_many_at_once_each_with_its_own_result(calls, beside):
    token = opened(calls)
    asked = {f"c{n}": beside(call, calls, token, f"c{n}") for n in range(12)}
    assert {one["call_id"] for one in pending(calls, count=12)["pending_calls"]} == set(asked)
    for name in sorted(asked, reverse=True):
        give(calls, {"call_id": name, "result": name})
    assert {name: future.result().json["result"] for name, future in asked.items()} == {name: name for name in asked}


def test_nobody_answers(calls):
    token = opened(calls, timeout=1)
    reply = call(calls, token)
    assert reply.status == 408
    assert reply.json == {"success": False, "error": "timeout", "message": "Tool call timed out waiting for result"}
    assert owner(calls, "GET", "/sessions/e1/pending").json["pending_calls"] == []
    metrics = calls.get("/metrics").body.decode()
    assert "codeapi_tool_calls_total 1" in metrics and "codeapi_tool_call_timeouts_total 1" in metrics
    assert "codeapi_tool_call_active_sessions 1" in metrics


def test_a_caller_that_hangs_up_is_forgotten(calls):
    token = opened(calls)
    connection = calls.connect()
    connection.request("POST", "/tool-call", b'{"tool_name":"weather","input":{}}', headers(token))
    pending(calls)
    connection.close()
    assert pending(calls, count=0)["status"] == "running"


def test_a_session_that_goes_ends_its_calls(calls, beside):
    token = opened(calls)
    asked = beside(call, calls, token)
    pending(calls)
    reply = owner(calls, "DELETE", "/sessions/e1")
    assert reply.status == 200 and reply.json == {"success": True, "cleaned_keys": 2}
    told = asked.result()
    assert told.status == 404 and told.json == {"error": "Session not found"}
    assert owner(calls, "DELETE", "/sessions/e1").json == {"success": True, "cleaned_keys": 0}


def test_the_end_of_an_execution(calls):
    for path, word in (("complete", "completed"), ("error", "error")):
        opened(calls, word)
        assert owner(calls, "POST", f"/sessions/{word}/{path}", {"stdout": "x", "error": "y"}).json == {"success": True}
        assert owner(calls, "GET", f"/sessions/{word}").json["status"] == word
    assert "codeapi_tool_call_active_sessions 0" in calls.get("/metrics").body.decode()


def test_everything_expires(make_call_server):
    server = make_call_server(TOOL_CALL_SESSION_EXPIRY="1s")
    token = opened(server, timeout=3_600_000)
    assert call(server, token).status in (404, 408)  # it waits no longer than its session lives
    until(lambda: owner(server, "GET", "/sessions/e1").status == 404, "the session has expired")


def test_who_may_open_and_answer(calls):
    opened(calls)
    for wrong in ({}, {"X-CodeAPI-Internal-Token": ""}, {"X-CodeAPI-Internal-Token": TOKEN + "x"}):
        for method, path in (("POST", "/sessions"), ("GET", "/sessions/e1"), ("GET", "/sessions/e1/status"),
                             ("GET", "/sessions/e1/pending"), ("POST", "/sessions/e1/results"),
                             ("POST", "/sessions/e1/complete"), ("POST", "/sessions/e1/error"),
                             ("DELETE", "/sessions/e1"), ("GET", "/sessions/e1/none"), ("PUT", "/sessions/e1")):
            reply = calls.request(method, path, b"{}" if method == "POST" else None, wrong)
            assert reply.status == 401 and reply.json == {"error": "Unauthorized"}, (method, path)
    assert owner(calls, "GET", "/sessions/e1").status == 200


def test_who_may_call(calls):
    token = opened(calls)
    other = opened(calls, "e2", tools=[])
    full = headers(token)
    for missing in ("X-Execution-ID", "X-Callback-Token", "X-Tool-Call-ID"):
        reply = calls.request("POST", "/tool-call", b"{}", {k: v for k, v in full.items() if k != missing})
        assert reply.status == 400 and reply.json == {"error": "Missing required headers"}
    for wrong in (other, token[:-1], token + "x", "x" * 32):
        reply = call(calls, wrong)
        assert reply.status == 401 and reply.json == {"error": "Invalid callback token"}
    reply = call(calls, token, execution="nobody")
    assert reply.status == 404 and reply.json == {"error": "Session not found"}
    for name in ("", 7, None):
        reply = call(calls, token, tool=name)
        assert reply.status == 400 and reply.json == {"error": "Invalid tool name"}
    for used, execution, name in ((token, "e1", "rm"), (other, "e2", "weather")):
        reply = call(calls, used, tool=name, execution=execution)
        assert reply.status == 403 and reply.json == {"error": "Tool is not registered for this execution"}


def test_what_is_not_there_looks_all_the_same(calls):
    """Whoever is not let in learns nothing from a 404."""
    def plain(method, path, more=None):
        reply = calls.request(method, path, headers={"X-Request-ID": "same", **(more or {})})
        assert reply.status == 404, (method, path, reply)
        kept = sorted((name, value) for name, value in reply.headers.items() if name != "Date")
        return kept, reply.body
    unknown = plain("GET", "/nothing")
    assert unknown[1] == b'{"error":"Not found"}'
    for method, path in (("GET", "/tool-call"), ("PUT", "/tool-call"), ("DELETE", "/health"), ("POST", "/metrics"), ("POST", "/"),
                         ("GET", "/tool-call/x"), ("GET", "/v1/health")):
        assert plain(method, path) == unknown, (method, path)
    assert plain("PUT", "/sessions/e1", AUTHORIZED) == plain("GET", "/sessions/e1/none", AUTHORIZED) == unknown
    gone = plain("GET", "/sessions/never", AUTHORIZED)
    assert gone[1] == b'{"error":"Session not found"}'
    opened(calls, "was")
    owner(calls, "DELETE", "/sessions/was")
    for path in ("/sessions/was", "/sessions/was/pending", "/sessions/was/status", "/sessions/%00"):
        assert plain("GET", path, AUTHORIZED) == gone, path


def test_bodies_that_make_no_sense(calls):
    token = opened(calls)
    for body in ({}, {"execution_id": "a"}, {"session_id": "a"}, {"execution_id": "", "session_id": "a"},
                 {"execution_id": 1, "session_id": "a"}):
        reply = owner(calls, "POST", "/sessions", body)
        assert reply.status == 400
        assert reply.json == {"error": "Missing required fields: execution_id, session_id"}
    for timeout in (0, -1, "1", True, []):
        assert owner(calls, "POST", "/sessions", {"execution_id": "a", "session_id": "a", "timeout": timeout}).status == 400
    for results in (None, {}, "x", [1], [{}], [{"call_id": ""}], [{"call_id": 1}]):
        reply = owner(calls, "POST", "/sessions/e1/results", {"results": results})
        assert reply.status == 400 and reply.json == {"error": "Invalid results format"}, results
    assert owner(calls, "POST", "/sessions/none/results", {"results": []}).status == 404
    for body in (b"", b"{", b"[]", b"null", b"[" * 100_000):
        assert owner(calls, "POST", "/sessions", body).status == 400
        assert owner(calls, "POST", "/sessions/e1/results", body).status == 400
        assert owner(calls, "POST", "/sessions/e1/complete", body).status == 400
        assert calls.request("POST", "/tool-call", body, headers(token)).status == 400


def test_sizes_are_bounded(calls, beside):
    token = opened(calls)
    body = b'{"tool_name":"weather","input":{"x":"' + b"x" * LIMIT + b'"}}'
    reply = calls.request("POST", "/tool-call", body, headers(token))
    assert reply.status == 413 and reply.json == {"error": "request entity too large"}
    asked = beside(call, calls, token)
    pending(calls)
    assert give(calls, {"call_id": "c1", "result": "x" * 5_000_000}).status == 413
    assert not asked.done()
    large = "x" * 4_999_990
    assert give(calls, {"call_id": "c1", "result": large}).status == 200
    assert asked.result().json["result"] == large


def test_a_call_made_again_takes_the_place_of_the_first(calls, beside):
    token = opened(calls)
    first = beside(call, calls, token)
    pending(calls)
    second = beside(call, calls, token)
    told = first.result()
    assert told.status == 409 and told.json == {"error": "Tool call was made again"}
    give(calls, {"call_id": "c1", "result": 1})
    assert second.result().json["result"] == 1


def test_a_result_may_be_there_before_its_call(calls):
    token = opened(calls)
    give(calls, {"call_id": "c1", "result": 1})
    assert call(calls, token).json["result"] == 1


def test_a_stop_does_not_wait_for_calls(make_call_server):
    server = make_call_server(CODEAPI_SHUTDOWN_GRACE="100ms")
    token = opened(server)
    ended = threading.Event()

    def ask():
        try:
            call(server, token)
        except OSError:
            pass
        ended.set()
    threading.Thread(target=ask, daemon=True).start()
    pending(server)
    assert server.stop() == 0, server.log()
    assert ended.wait(30)


def test_health(calls):
    assert calls.get("/health").json["status"] == "healthy"
    assert calls.get("/ready").json == {"status": "ready"}


def test_open_only_where_strangers_do_not_come(make_call_server):
    server = make_call_server(CODEAPI_INTERNAL_SERVICE_TOKEN="")
    assert server.request("POST", "/sessions", b'{"execution_id":"e1","session_id":"s1"}').status == 200
    assert "WARNING" not in server.log()
    text = refused(TOOL_CALL_SERVER_HOST="0.0.0.0")
    assert "CODEAPI_INTERNAL_SERVICE_TOKEN" in text and "0.0.0.0" in text
    assert "CODEAPI_INTERNAL_SERVICE_TOKEN" in refused(CODEAPI_HARDENED_SANDBOX_MODE="true")
    server = make_call_server(CODEAPI_INTERNAL_SERVICE_TOKEN="", TOOL_CALL_SERVER_HOST="0.0.0.0",
                              CODEAPI_ALLOW_UNAUTHENTICATED_INTERNAL="true")
    assert "WARNING: everyone who reaches 0.0.0.0" in server.log()
