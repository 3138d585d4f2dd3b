"""The whole service on a bucket: files there and back, and what users see when the bucket is away."""

import pathlib

import pytest
from forms import Form, post_form, references, upload
from harness import by_name, until
from s3_server import S3Server


@pytest.fixture
def service(s3, make_server):
    yield make_server(s3.settings("service"))
    assert s3.refusals == []


def test_files_go_to_the_bucket_and_back(service, s3):
    small, large = b"x,y\n5,6\n", bytes(range(256)) * 4096 * 20  # 20 MiB: several parts
    answer = upload(service, ("data table é.csv", small), ("large.bin", large), ("empty.txt", b""))
    session, ids = answer["storage_session_id"], [file["fileId"] for file in answer["files"]]
    assert not list((pathlib.Path(service.data_dir)).glob("files/objects/*")), "nothing is kept on the disk"
    for file, content in zip(ids, (small, large, b"")):
        assert service.get(f"/v1/download/{session}/{file}").body == content
    ran = service.exec_("bash", "cat data*.csv; wc -c < large.bin; echo new > made.txt; echo 7,8 >> data*.csv",
                        files=references(answer))
    assert ran["stdout"] == f"x,y\n5,6\n{len(large)}\n", ran
    files = by_name(ran)
    assert service.download(files["made.txt"]).body == b"new\n"
    assert service.download(files["data table é.csv"]).body == small + b"7,8\n"
    assert files["large.bin"]["inherited"] is True
    listed = service.get(f"/v1/files/{session}?detail=full").json
    assert {item["fileId"]: (item["filename"], item["size"]) for item in listed} == {
        ids[0]: ("data table é.csv", 8), ids[1]: ("large.bin", len(large)), ids[2]: ("empty.txt", 0)}
    assert service.request("DELETE", f"/v1/files/{session}/{ids[1]}").status == 200
    assert service.get(f"/v1/sessions/{session}/objects/{ids[1]}").status == 404
    assert service.get(f"/v1/sessions/{session}/objects/{ids[0]}").json["originalFilename"] == "data table é.csv"


def test_a_bucket_that_is_away(make_server):
    """Stored or reported, never half; and nothing of where it was."""
    with S3Server() as s3:
        server = make_server({**s3.settings("away"), "CODEAPI_FILE_TTL": "1h"})
        kept = upload(server, ("kept.txt", b"kept"))
        session, file = kept["storage_session_id"], kept["files"][0]["fileId"]
        s3.process.terminate()
        s3.process.wait(timeout=30)
        status, answer, headers = post_form(server, Form(("a.txt", b"x"), kind="user"))
        assert (status, answer) == (503, {"error": "Service is temporarily unavailable"}) and headers["Retry-After"]
        reply = server.get(f"/v1/download/{session}/{file}")
        assert reply.status == 503 and b"127.0.0.1" not in reply.body
        ran = server.exec_("bash", "echo out > out.txt")
        assert ran["files"] == [] and ran["artifact_delivery"] == {
            "code": "artifact_delivery_failed", "status": "failed", "attempted": 1, "delivered": 0, "failed": 1}
        reply = server.post({"lang": "bash", "code": "true", "files": references(kept)})
        assert reply.status == 502 and b"127.0.0.1" not in reply.body


def test_expired_files_leave_the_bucket(s3, make_server):
    server = make_server({**s3.settings("expiry"), "CODEAPI_FILE_TTL": "1s", "JOB_TIMEOUT": "1s"})
    bucket = pathlib.Path(s3.data) / "expiry"
    answer = upload(server, ("a.txt", b"x"))
    session = answer["storage_session_id"]
    assert [path for path in bucket.rglob("*") if path.is_file() and session in str(path)]
    until(lambda: not [path for path in bucket.rglob("*") if path.is_file() and session in str(path)],
          "the janitor has not come", seconds=60)
    assert server.get(f"/v1/files/{session}").status == 404
