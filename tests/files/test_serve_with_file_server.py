"""`codeapi serve` whose files are kept by a file server of another process."""

import hashlib

import pytest
from forms import Form, post_form, references, upload
from harness import FileServer, by_name, until

TOKEN = "a-token-that-both-sides-know-0123456789"


@pytest.fixture
def file_server():
    it = FileServer({"CODEAPI_INTERNAL_SERVICE_TOKEN": TOKEN}).start()
    try:
        yield it
    finally:
        it.destroy()


def serve(make_server, file_server, token=TOKEN):
    return make_server({"FILE_SERVER_URL": f"http://127.0.0.1:{file_server.port}", "CODEAPI_INTERNAL_SERVICE_TOKEN": token})


def test_files_there_and_back(make_server, file_server):
    server = serve(make_server, file_server)
    names = ["data table é.csv", "a/b/\"quoted\" 😀.txt", "e" * 251 + ".txt"]
    large = bytes(range(256)) * 4096 * 10
    answer = upload(server, *[(name, name.encode()) for name in names], ("large.bin", large))
    session, ids = answer["storage_session_id"], [file["fileId"] for file in answer["files"]]
    assert [file["filename"] for file in answer["files"]] == [*names, "large.bin"]
    assert not (server.data_dir / "files").exists(), "nothing is kept here"
    assert server.get(f"/v1/download/{session}/{ids[3]}").body == large
    ran = server.exec_("bash", "cat data*.csv; wc -c < large.bin; echo made > made.txt; echo more >> data*.csv",
                       files=references(answer))
    assert ran["stdout"] == f"{names[0]}{len(large)}\n", ran
    files = by_name(ran)
    assert server.download(files["made.txt"]).body == b"made\n"
    assert server.download(files[names[0]]).body == f"{names[0]}more\n".encode()
    assert files[names[1]]["inherited"] and files["large.bin"]["inherited"]
    listed = server.get(f"/v1/files/{session}?detail=summary").json
    assert {item["fileId"]: item["filename"] for item in listed} == dict(zip(ids, [*names, "large.bin"]))
    assert server.request("DELETE", f"/v1/files/{session}/{ids[0]}").status == 200
    assert server.get(f"/v1/download/{session}/{ids[0]}").status == 404


def test_a_file_server_that_goes_away_and_comes_back(make_server, file_server):
    server = serve(make_server, file_server)
    kept = upload(server, ("kept.txt", b"kept"))
    target = f"/v1/download/{kept['storage_session_id']}/{kept['files'][0]['fileId']}"
    file_server.kill()
    status, answer, headers = post_form(server, Form(("a.txt", b"x"), kind="user"))
    assert (status, answer) == (503, {"error": "Service is temporarily unavailable"}) and headers["Retry-After"]
    reply = server.get(target)
    assert reply.status == 503 and str(file_server.port).encode() not in reply.body
    ran = server.exec_("bash", "echo out > out.txt")
    assert ran["files"] == [] and ran["artifact_delivery"]["status"] == "failed"
    file_server.start()
    until(lambda: server.get(target).status == 200, "it does not come back")
    assert server.get(target).body == b"kept"
    assert upload(server, ("b.txt", b"y"))["files"]


def test_another_token_is_no_way_in(make_server, file_server):
    server = serve(make_server, file_server, "another-token-0123456789-0123456789")
    status, answer, _ = post_form(server, Form(("a.txt", b"x"), kind="user"))
    assert status in (500, 503) and "token" not in str(answer).lower()


def cache_requests(server):
    """{result: how often} of the cache of inputs."""
    found = {}
    for line in server.get("/metrics").body.decode().splitlines():
        if line.startswith("codeapi_input_cache_requests_total{"):
            found[line.split('"')[1]] = int(float(line.split()[-1]))
    return found


def test_inputs_are_kept_and_never_served_stale(make_server, file_server):
    server = serve(make_server, file_server)
    content = b"x" * 3_000_000
    answer = upload(server, ("a.bin", content), ("b.txt", b"b"))
    session, ids = answer["storage_session_id"], [file["fileId"] for file in answer["files"]]
    for _ in range(3):
        ran = server.exec_("bash", "cat a.bin b.txt | sha256sum; echo more >> b.txt", files=references(answer))
        assert ran["stdout"].split()[0] == hashlib.sha256(content + b"b").hexdigest()
    assert cache_requests(server) == {"miss": 2, "hit": 4}
    assert server.request("DELETE", f"/v1/files/{session}/{ids[0]}").status == 200
    reply = server.post({"lang": "bash", "code": "cat a.bin | wc -c", "files": references(answer)})
    assert (reply.status, reply.json) == (403, {"error": "Unauthorized file reference"}), "what was deleted is gone"


def test_files_in_a_directory_are_not_kept_twice(make_server):
    server = make_server({})
    answer = upload(server, ("a.txt", b"a"))
    assert server.exec_("bash", "cat a.txt", files=references(answer))["stdout"] == "a"
    assert cache_requests(server) == {}
