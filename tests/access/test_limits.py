"""How much one caller may ask for: rates, executions at once, plans. A refused request runs nothing."""

import contextlib
import http.client
import json
import threading

from census import tree
from forms import Form, post_form, upload
from harness import until
from identity import Keys, new_api_key

JSON = {"Content-Type": "application/json"}


def run(server, headers, code="true", **body):
    return server.request("POST", "/v1/exec", json.dumps({"lang": "bash", "code": code, **body}).encode(),
                          {**JSON, **headers})


def test_rates_are_counted_per_user_and_told(make_server, tmp_path):
    keys = Keys(tmp_path)
    server = make_server({**keys.settings(), "MAX_REQUESTS": 2, "RATE_LIMIT_WINDOW": "10m", "FETCH_MAX_REQUESTS": 1,
                          "FETCH_LIMIT_WINDOW": "10m", "UPLOAD_MAX_REQUESTS": 1, "UPLOAD_LIMIT_WINDOW": "10m",
                          "DOWNLOAD_MAX_REQUESTS": 1, "DOWNLOAD_LIMIT_WINDOW": "10m"})
    alice, bob = keys.headers("alice"), keys.headers("bob")
    first, second, third = run(server, alice), run(server, alice, code="("), run(server, alice)
    assert (first.status, second.status, third.status) == (200, 200, 429)
    assert first.headers["RateLimit-Policy"] == "2;w=600" and first.headers["RateLimit-Limit"] == "2"
    assert [reply.headers["RateLimit-Remaining"] for reply in (first, second, third)] == ["1", "0", "0"]
    assert 0 < int(third.headers["RateLimit-Reset"]) <= 600
    seconds = third.json["retry_after_seconds"]
    assert third.json == {"error": "rate_limited", "retry_after_seconds": seconds,
                          "message": f"Too many CodeAPI execution requests. Please retry in {seconds} seconds."}
    assert int(third.headers["Retry-After"]) == seconds and 0 < seconds <= 600
    assert run(server, bob).status == 200, "another user's requests are counted apart"
    # A fresh token, or an API key of the same user, is the same user.
    assert run(server, keys.headers("alice")).status == 429

    answer = upload(server, ("a.txt", b"x"), headers=alice)
    status, refused, headers = post_form(server, Form(("a.txt", b"x"), kind="user"), headers=alice)
    assert status == 429 and refused["error"].startswith("Too many file uploads. Please retry in "), refused
    assert refused["retry_after_seconds"] > 0 and headers["Retry-After"]
    session, file = answer["storage_session_id"], answer["files"][0]["fileId"]
    for path, text in ((f"/v1/files/{session}", "Too many file list requests."),
                       (f"/v1/download/{session}/{file}", "Too many file downloads.")):
        assert server.get(path, headers=alice).status == 200
        reply = server.get(path, headers=alice)
        assert reply.status == 429 and reply.json["error"].startswith(text), reply


def test_a_bad_request_counts_and_nobody_does_not(make_server, tmp_path):
    keys = Keys(tmp_path)
    server = make_server({**keys.settings(), "MAX_REQUESTS": 1, "RATE_LIMIT_WINDOW": "10m"})
    for _ in range(3):
        assert run(server, {}).status == 401
    assert run(server, keys.headers("alice"), lang="cobol").status == 400
    assert run(server, keys.headers("alice")).status == 429


def test_executions_at_once(make_server, tmp_path):
    keys = Keys(tmp_path)
    server = make_server({**keys.settings(), "MAX_REQUESTS": 1000, "CODEAPI_USER_MAX_CONCURRENT": 2})
    alice, bob = keys.headers("alice"), keys.headers("bob")

    def wait():
        with contextlib.suppress(http.client.HTTPException, OSError):  # the server stops under it
            run(server, alice, "exec sleep 60", timeout=60_000)

    def sleepers():
        return sum(status["Name"].strip() == "sleep" for status in tree(server.process.pid).values())

    threads = [threading.Thread(target=wait) for _ in range(2)]
    for thread in threads:
        thread.start()
    until(lambda: sleepers() == 2, "two are not running")
    try:
        refused = run(server, alice)
        assert refused.status == 429 and refused.headers["Retry-After"] == "1"
        assert refused.json["error"] == "rate_limited" and refused.json["retry_after_seconds"] == 1
        assert run(server, bob, "echo hi").json["stdout"] == "hi\n"
    finally:
        assert server.stop() == 0  # ends the sleepers
        for thread in threads:
            thread.join()


def test_plans(make_server, tmp_path):
    keys = Keys(tmp_path)
    plans = {"small": {"run_memory_limit": 64 << 20, "max_file_size": 1000}, "large": {"max_file_size": 100_000}}
    server = make_server({**keys.settings(), "CODEAPI_AUTH_PROVIDER": "both", "MAX_FILE_SIZE": 10_000,
                          "CODEAPI_PLAN_LIMITS": json.dumps(plans)})
    # The work directory's room comes on top of the memory: 64 and 512 MiB are less than this, 512 and 512 more.
    hog = "x = bytearray(700 << 20)\nprint(len(x))"
    callers = {"small": keys.headers("a", plan_id="small"), "default": keys.headers("b"),
               "unknown": keys.headers("c", plan_id="unheard of"), "large": keys.headers("d", plan_id="large"),
               "key": {"X-API-Key": new_api_key(server, "e", "legacy", "--plan", "small")}}
    for who, (memory, largest) in {"small": (False, 1000), "default": (True, 10_000), "unknown": (True, 10_000),
                                   "large": (True, 100_000), "key": (False, 1000)}.items():
        reply = server.request("POST", "/v1/exec", json.dumps({"lang": "py", "code": hog}).encode(),
                               {**JSON, **callers[who]}).json
        assert (reply["status"] is None and reply["code"] == 0) == memory, (who, reply)
        for size, status in ((largest, 200), (largest + 1, 413)):
            assert post_form(server, Form(("a.bin", b"x" * size), kind="user"), headers=callers[who])[0] == status, who


def test_local_mode_has_no_limits(make_server):
    server = make_server({"MAX_REQUESTS": 1, "CODEAPI_USER_MAX_CONCURRENT": 1})
    for _ in range(3):
        reply = run(server, {})
        assert reply.status == 200 and reply.headers["RateLimit-Limit"] is None
