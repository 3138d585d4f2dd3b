"""Looking at stored files: listings, metadata, deletion, and what is no longer there."""

import datetime

import pytest
from forms import references, upload
from harness import until

ABSENT = "A" * 21


@pytest.fixture
def kept(server):
    answer = upload(server, ("data table é.csv", b"x,y\n5,6\n", "text/csv"), ("b.bin", b"\0\1"))
    return answer["storage_session_id"], [file["fileId"] for file in answer["files"]]


def listing(server, session, detail, query="kind=user&id=user-0001"):
    reply = server.get(f"/v1/files/{session}?detail={detail}&{query}")
    assert reply.status == 200, reply
    return reply.json


def test_listings_at_every_level(server, kept):
    session, (first, second) = kept
    assert sorted(listing(server, session, "simple")) == sorted([f"{session}/{first}.csv", f"{session}/{second}.bin"])
    assert listing(server, session, "nonsense") == listing(server, session, "simple")
    for detail in ("summary", "full", "normalized"):
        item = {item["fileId"]: item for item in listing(server, session, detail)}[first]
        assert item["id"] == first and item["storage_session_id"] == session
        assert item["filename"] == "data table é.csv" and item["size"] == 8
        datetime.datetime.fromisoformat(item["lastModified"].replace("Z", "+00:00"))
    summary = {item["id"]: item for item in listing(server, session, "summary")}[first]
    assert summary["name"] == f"{session}/{first}.csv" and summary["etag"]
    full = {item["id"]: item for item in listing(server, session, "full")}[first]
    assert full["metadata"]["original-filename"] == "data table é.csv" and full["contentType"] == "text/csv"
    normalized = {item["id"]: item for item in listing(server, session, "normalized")}[first]
    assert normalized["name"] == "data table é.csv" and normalized["contentType"] == "text/csv"


def test_metadata(server, kept):
    session, (first, _) = kept
    reply = server.get(f"/v1/sessions/{session}/objects/{first}?kind=user&id=user-0001")
    assert reply.status == 200, reply
    data = reply.json
    assert data["originalFilename"] == "data table é.csv" and data["size"] == 8 and data["contentType"] == "text/csv"
    assert data["readOnly"] is False and data["etag"] and data["name"] == f"{session}/{first}.csv"
    age = datetime.datetime.now(datetime.timezone.utc) - datetime.datetime.fromisoformat(
        data["lastModified"].replace("Z", "+00:00"))
    assert abs(age) < datetime.timedelta(minutes=5)


@pytest.mark.parametrize("path", ["/v1/files/{}/{}", "/v1/sessions/{}/objects/{}"])
def test_deleting(server, kept, path):
    session, (first, second) = kept
    target = path.format(session, first) + "?kind=user&id=user-0001"
    reply = server.request("DELETE", target)
    assert reply.status == 200 and reply.json["message"] == "File deleted successfully"
    assert reply.json["session_id"] == session and reply.json["fileId"] == first
    for gone in (server.request("DELETE", target), server.get(f"/v1/download/{session}/{first}"),
                 server.get(f"/v1/sessions/{session}/objects/{first}")):
        assert gone.status == 404 and gone.json["error"] == "File not found", gone
    assert [item["id"] for item in listing(server, session, "summary")] == [second]
    # The whole run is refused rather than started without a file it was promised.
    gone = references({"storage_session_id": session, "files": [{"fileId": first, "filename": "a.csv"}]})
    assert server.post({"lang": "bash", "code": "true", "files": gone}).status == 403


@pytest.mark.parametrize("method,path", [("GET", "/v1/files/{s}"), ("GET", "/v1/download/{s}/{f}"),
                                         ("GET", "/v1/sessions/{s}/objects/{f}"), ("DELETE", "/v1/files/{s}/{f}"),
                                         ("DELETE", "/v1/sessions/{s}/objects/{f}")])
def test_bad_and_unknown_ids(server, kept, method, path):
    session, (first, _) = kept
    for bad in ("short", "A" * 22, "..%2f..%2fetc", "%00" * 21):
        assert server.request(method, path.format(s=bad, f=first)).status == 400
        if "{f}" in path:
            assert server.request(method, path.format(s=session, f=bad)).status == 400
    assert server.request(method, path.format(s=ABSENT, f=first)).status == 404
    if "{f}" in path:
        assert server.request(method, path.format(s=session, f=ABSENT)).status == 404
    good = path.format(s=session, f=first)
    for query, problem in (("kind=team", "kind must be"), ("kind=user&kind=user", "twice"),
                           ("kind=skill&id=x", "version is required"), ("version=1", "version is only valid")):
        reply = server.request(method, f"{good}?{query}")
        assert reply.status == 400 and problem in reply.json["error"], reply
    assert server.request(method, f"{good}?kind=agent&id=x").status == 403


def test_expired_files_are_gone_and_removed(make_server):
    server = make_server({"CODEAPI_FILE_TTL": "1s"})
    answer = upload(server, ("a.txt", b"x"))
    session, file = answer["storage_session_id"], answer["files"][0]["fileId"]
    until(lambda: server.get(f"/v1/files/{session}").status == 404, "the session has not expired")
    assert server.get(f"/v1/download/{session}/{file}").status == 404
    reply = server.post({"lang": "bash", "code": "true", "files": references(answer)})
    assert reply.status == 403
