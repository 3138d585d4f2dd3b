"""POST /v1/exec: what is refused, with which status and words. Nothing refused may harm what comes next."""

import json
import socket

import pytest
from harness import reference

RANDOM = {"id": "A" * 21, "resource_id": "someone", "name": "a.txt", "storage_session_id": "B" * 21,
          "kind": "user"}


@pytest.fixture(autouse=True)
def next_execution_is_unharmed(server):
    yield
    assert server.exec_("bash", "echo fine")["stdout"] == "fine\n"


def error(reply, status):
    assert reply.status == status, reply
    assert reply.headers["Content-Type"].startswith("application/json")
    assert isinstance(reply.json["error"], str) and reply.json["error"]
    return reply.json["error"]


@pytest.mark.parametrize("body", [
    b"", b"{", b'{"lang":"py"', b"{'lang':'py','code':''}", b"null", b"[]", b'"text"', b"7",
    b'{"lang":"bash","code":"true"} trailing', b'{"lang":"bash","code":"\xff\xfe"}', b"\xef\xbb\xbf{",
    b'{"lang":NaN}'])
def test_malformed_json(server, body):
    error(server.post(body), 400)


@pytest.mark.parametrize("opening,closing", [(b"[", b"]"), (b'{"a":', b"}")])
def test_deep_json(server, opening, closing):
    depth = 100_000
    body = b'{"lang":"bash","code":"true","x":' + opening * depth + b"1" + closing * depth + b"}"
    error(server.post(body), 400)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded",
                                          "application/jsonp",
                                          "multipart/form-data; boundary=x", ""])
def test_wrong_content_type(server, content_type):
    error(server.post({"lang": "bash", "code": "true"}, content_type=content_type), 415)


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_right_content_types(server, content_type):
    assert server.post({"lang": "bash", "code": "true"}, content_type=content_type).status == 200


@pytest.mark.parametrize("field", ["lang", "code"])
def test_missing_field_is_named(server, field):
    body = {"lang": "bash", "code": "true"}
    del body[field]
    assert field in error(server.post(body), 400)


@pytest.mark.parametrize("field,value", [
    ("lang", 7), ("lang", None), ("lang", ["py"]), ("code", 7), ("code", None), ("code", {}), ("stdin", 7),
    ("stdin", []),
    ("args", "one"), ("args", [1]), ("args", {}), ("args", [["a"]]), ("files", "a.txt"), ("files", {}),
    ("files", [7]),
    ("files", [None]), ("timeout", "1000"), ("timeout", -1), ("timeout", {})])
def test_wrong_type_is_named(server, field, value):
    assert field in error(server.post({"lang": "bash", "code": "true", field: value}), 400)


@pytest.mark.parametrize("lang", ["x", "cobol", "", "py ", "python3;id", "ü"])
def test_unknown_language(server, lang):
    reply = server.post({"lang": lang, "code": "true"})
    assert reply.status == 400 and reply.json == {"error": f"Unsupported language: {lang}"}


@pytest.mark.parametrize("field", ["code", "args", "stdin"])
def test_nul_where_a_program_argument_cannot_hold_one(server, field):
    value = ["a\0b"] if field == "args" else "echo a\0b"
    reply = server.post({"lang": "bash", "code": "cat > /dev/null", field: value})
    assert reply.status == (400 if field == "args" else 200), reply


@pytest.mark.parametrize("name", [
    "../a.txt", "a/../../b.txt", "a/../b.txt", "..", ".", "/etc/passwd", "/mnt/data/a.txt", "./a.txt",
    "a//b.txt", "a/",
    "a\\b.txt", "a\0b.txt", "", "x" * 257, "/".join("abcdefghijk"), "..\\a.txt"])
def test_bad_names_of_files(server, name):
    error(server.post({"lang": "bash", "code": "true", "files": [{**RANDOM, "name": name}]}), 400)


@pytest.mark.parametrize("change", [
    {"id": "short"}, {"id": "A" * 22}, {"id": "../" + "A" * 18}, {"id": 7}, {"storage_session_id": "B" * 20},
    {"storage_session_id": "B" * 20 + "/"}, {"storage_session_id": None}, {"kind": "root"}, {"kind": "skill"},
    {"version": 3}, {"resource_id": "a b"}, {"resource_id": "x" * 129}, {"name": 7}])
def test_bad_references(server, change):
    assert "files" in error(server.post({"lang": "bash", "code": "true", "files": [{**RANDOM, **change}]}),
                            400)


@pytest.mark.parametrize("field", ["id", "storage_session_id", "name"])
def test_reference_with_a_field_missing(server, field):
    entry = {name: value for name, value in RANDOM.items() if name != field}
    assert "files" in error(server.post({"lang": "bash", "code": "true", "files": [entry]}), 400)


def test_conflicting_destinations(server):
    entries = [{**RANDOM, "name": "a"}, {**RANDOM, "name": "a/b.txt"}]
    error(server.post({"lang": "bash", "code": "true", "files": entries}), 400)


def test_too_many_files(server):
    entries = [{**RANDOM, "name": f"{n}.txt"} for n in range(257)]
    error(server.post({"lang": "bash", "code": "true", "files": entries}), 400)


def test_reference_that_is_not_ours(server):
    mine = server.exec_("bash", "echo mine > mine.txt")["files"][0]
    cases = [RANDOM,
             reference(mine, id="A" * 21),
             reference(mine, storage_session_id="B" * 21),
             reference(mine, kind="skill", version=1),
             reference(mine, kind="agent")]
    for case in cases:
        reply = server.post({"lang": "bash", "code": "cat mine.txt", "files": [case]})
        assert (reply.status, reply.json) == (403, {"error": "Unauthorized file reference"}), case


def test_one_bad_reference_refuses_the_whole_request(server):
    mine = server.exec_("bash", "echo mine > mine.txt")["files"][0]
    reply = server.post({"lang": "bash", "code": "true", "files": [reference(mine), RANDOM]})
    assert (reply.status, reply.json) == (403, {"error": "Unauthorized file reference"})


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/", "/v1/nothing", "/exec", "/v1/exec/more",
                                  "/v1/../v1/exec",
                                  "/v1/%2e%2e/etc/passwd", "/v1/download", "/v1/download/x"])
def test_unknown_path(server, path):
    assert error(server.get(path), 404) == "Not found"


def test_known_path_other_method(server):
    reply = server.get("/v1/exec")
    error(reply, 405)
    assert "POST" in reply.headers["Allow"]


@pytest.fixture(scope="module")
def small(make_module_server):
    return make_module_server({"CODEAPI_HTTP_JSON_LIMIT": "1mb"})


def raw(server, head, *rest):
    """Sends bytes and returns status and body; the server may answer before it has read everything."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(head)
        for part in rest:
            connection.sendall(part)
        answer = b""
        while b"\r\n\r\n" not in answer:
            piece = connection.recv(65536)
            assert piece, f"closed after {answer!r}"
            answer += piece
        header, _, body = answer.partition(b"\r\n\r\n")
        length = int([line for line in header.lower().split(b"\r\n")
                      if line.startswith(b"content-length:")][0][15:])
        while len(body) < length:
            piece = connection.recv(65536)
            assert piece, "closed in the middle of the body"
            body += piece
        return int(header.split()[1]), body


HEAD = b"POST /v1/exec HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def test_declared_length_over_the_limit(small):
    status, body = raw(small, HEAD + b"Content-Length: 1048577\r\n\r\n")
    assert status == 413 and json.loads(body)["error"]
    assert small.exec_("bash", "echo next")["stdout"] == "next\n"


def test_chunked_body_over_the_limit(small):
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    status, body = raw(small, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", chunk * 16, b"1\r\n \r\n")
    assert status == 413 and json.loads(body)["error"]
    assert small.exec_("bash", "echo next")["stdout"] == "next\n"


def test_body_just_within_the_limit(small):
    body = json.dumps({"lang": "bash", "code": "echo within"}).encode()
    reply = small.post(body + b" " * (1048576 - len(body)))
    assert reply.status == 200 and reply.json["stdout"] == "within\n"
