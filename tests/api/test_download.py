"""GET /v1/download/{session}/{file}: bytes, headers, refusals."""

import urllib.parse

import pytest
from harness import by_name


@pytest.fixture(scope="module")
def stored(server):
    """Objects made by one program, by name."""
    code = (r"mkdir -p sub/deep; printf 'a,b\n1,2\n' > table.csv; "
            r"printf '\x89PNG\r\n\x1a\n\0rest' > picture.png;"
            r"echo '{}' > sub/deep/data.json; echo uml > 'grüße €.txt'; : > empty.txt;"
            r"head -c 9000000 /dev/zero | tr '\0' x > big.log")
    return by_name(server.exec_("bash", code))


CONTENT = {"table.csv": b"a,b\n1,2\n", "picture.png": b"\x89PNG\r\n\x1a\n\0rest",
           "sub/deep/data.json": b"{}\n",
           "grüße €.txt": b"uml\n", "empty.txt": b"", "big.log": b"x" * 9_000_000}


@pytest.mark.parametrize("name", CONTENT)
def test_download_gives_the_bytes_and_the_name(server, stored, name):
    reply = server.download(stored[name])
    assert reply.status == 200 and reply.body == CONTENT[name]
    assert int(reply.headers["Content-Length"]) == len(CONTENT[name])
    start, _, encoded = reply.headers["Content-Disposition"].partition("filename*=UTF-8''")
    assert start == "attachment; "
    assert encoded.isascii() and urllib.parse.unquote(encoded, errors="strict") == name
    assert "X-Read-Only" not in reply.headers


@pytest.mark.parametrize("name,content_type", [("table.csv", "text/csv"), ("picture.png", "image/png"),
                                               ("sub/deep/data.json", "application/json"),
                                               ("empty.txt", "text/plain")])
def test_content_type(server, stored, name, content_type):
    assert server.download(stored[name]).headers["Content-Type"].split(";")[0] == content_type


def test_kind_and_id_may_be_left_out(server, stored):
    assert server.download(stored["table.csv"], query="").body == CONTENT["table.csv"]


def test_download_again_and_again(server, stored):
    assert {server.download(stored["table.csv"]).body for _ in range(3)} == {CONTENT["table.csv"]}


@pytest.mark.parametrize("session,file", [
    ("short", "A" * 21), ("A" * 21, "short"), ("A" * 22, "A" * 21), ("A" * 21, "A" * 20 + "."),
    ("A" * 21, "A" * 20 + "%2f"), ("%2e%2e", "passwd"), ("..%2f..%2fetc", "passwd"),
    ("A" * 20 + "%00", "A" * 21)])
def test_bad_id(server, session, file):
    reply = server.get(f"/v1/download/{session}/{file}?kind=user&id=local")
    assert (reply.status, reply.json) == (400, {"error": "Bad request"})


@pytest.mark.parametrize("query", ["?kind=root&id=local", "?kind=skill&id=x", "?kind=user&id=local&version=1",
                                   "?kind=user&kind=user&id=local"])
def test_bad_query(server, stored, query):
    reply = server.download(stored["table.csv"], query=query)
    assert reply.status == 400 and reply.json["error"]


def test_unknown_session(server):
    """Like one that has expired: gone, so that clients drop it, and not forbidden."""
    reply = server.get(f"/v1/download/{'A' * 21}/{'B' * 21}?kind=user&id=local")
    assert reply.status == 404 and reply.json["error"] == "File not found"


@pytest.mark.parametrize("query", ["?kind=agent&id=local", "?kind=skill&id=local&version=1"])
def test_session_of_another_kind_of_owner(server, stored, query):
    reply = server.download(stored["table.csv"], query=query)
    assert (reply.status, reply.json) == (403, {"error": "Unauthorized"})


def test_unknown_file_in_a_known_session(server, stored):
    reply = server.download({**stored["table.csv"], "id": "B" * 21})
    assert reply.status == 404 and reply.json["error"] == "File not found"


def test_id_of_another_session(server, stored):
    other = server.exec_("bash", "echo other > other.txt")["files"][0]
    mixed = {"storage_session_id": stored["table.csv"]["storage_session_id"], "id": other["id"]}
    assert server.download(mixed).status == 404
