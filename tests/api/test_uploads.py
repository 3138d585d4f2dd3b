"""Files that clients upload: names, kinds, limits, sealed ones, and clients that leave."""

import pathlib
import re
import socket

import pytest
from forms import Form, post_form, references, upload
from harness import ID, by_name, until

NAMES = ["plain.txt", "data table é.csv", "it's \"quoted\".txt", "snow ☃ man 😀.json", "\u05e9\u05dc\u05d5\u05dd \u202eabc.md",
         "e" * 251 + ".txt", "日" * 83 + ".csv", "skills/pdf-report/scripts/run.py", "a/b/c/d/e/f/g/h/i/ten.txt",
         "%41 percent%.txt", "semi;colon, comma.csv", " leading and trailing .txt", "-rf.txt", "*.txt"]


def stored(server):
    """Everything that is in the object store, temporary files included."""
    return [path for path in (pathlib.Path(server.data_dir) / "files" / "objects").rglob("*") if path.is_file()]


def post(server, *files, path="/v1/upload", **fields):
    status, answer, _ = post_form(server, Form(*files, **fields), path)
    return status, answer


@pytest.mark.parametrize("name", NAMES)
def test_names_survive_the_whole_way(server, name):
    content = f"content of {name}\n".encode()
    answer = upload(server, (name, content))
    assert ID.fullmatch(answer["storage_session_id"]) and ID.fullmatch(answer["files"][0]["fileId"])
    assert answer["files"][0]["filename"] == name
    # Copied under a name beside it, and changed in place.
    code = ("import os,sys\nname=sys.argv[1]\nprint(open('/mnt/data/'+name).read(), end='')\n"
            "open('/mnt/data/'+name,'a').write('more')\n"
            "os.makedirs('/mnt/data/copies', exist_ok=True)\n"
            "open('/mnt/data/copies/'+os.path.basename(name),'w').write('copy')")
    first = server.exec_("py", code, args=[name], files=references(answer))
    assert first["stdout"].encode() == content and first["stderr"] == "", first
    files = by_name(first)
    copy = "copies/" + name.rsplit("/", 1)[-1]
    if len(copy.encode()) <= 256:
        assert server.download(files[copy]).body == b"copy"
    changed = server.download(files[name])
    assert changed.body == content + b"more"
    assert files[name]["modified_from"]["id"] == answer["files"][0]["fileId"]
    listed, = [f for f in server.get(f"/v1/files/{first['session_id']}?detail=full").json if f["filename"] == name]
    assert listed["fileId"] == files[name]["id"]


@pytest.mark.parametrize("sent,answered", [
    ("../up.txt", None), ("/etc/passwd", None), ("a//b.txt", None), ("a/../b.txt", None), ("./a.txt", None), ("", None),
    ("x" * 256 + ".txt", None), ("/".join("abcdefghijk"), None), ("nul\0.txt", None), ("tab\t.txt", None),
    ("back\\slash.txt", "back_slash.txt")])
def test_names_that_no_reference_could_have(server, sent, answered):
    before = len(stored(server))
    status, answer = post(server, ("good.txt", b"x"), (sent, b"y"), kind="user", id="me")
    if answered:
        assert status == 200 and answer["files"][1]["filename"] == answered
    else:
        assert status == 400 and ("name" in answer["error"] or "Malformed" in answer["error"]), answer
        assert len(stored(server)) == before, "all or none"


def test_two_files_of_one_name_are_two_objects_and_the_last_wins(server):
    answer = upload(server, ("same.txt", b"first"), ("same.txt", b"second"))
    first, second = answer["files"]
    assert first["filename"] == second["filename"] == "same.txt" and first["fileId"] != second["fileId"]
    ran = server.exec_("bash", "cat same.txt", files=references(answer))
    assert ran["stdout"] == "second"
    assert [file["id"] for file in ran["files"]] == [second["fileId"]]


@pytest.mark.parametrize("fields,problem", [
    ({"kind": "team", "id": "x"}, "kind must be one of"), ({"kind": "agent"}, "id is required"),
    ({"kind": "skill", "id": "x"}, "version is required"), ({"kind": "skill", "id": "x", "version": "1.5"}, "version must be"),
    ({"kind": "skill", "id": "x", "version": "-1"}, "version must be"),
    ({"kind": "user", "id": "x", "version": "1"}, "version is only valid"), ({"kind": "agent", "id": "a b"}, "resource id")])
def test_bad_scopes(server, fields, problem):
    status, answer = post(server, ("a.txt", b"x"), **fields)
    assert status == 400 and problem in answer["error"], answer


def test_fields_come_first(server):
    before = len(stored(server))
    form = Form(("a.txt", b"x")).field("kind", "skill")
    status, answer, _ = post_form(server, form)
    assert status == 400 and "kind must come before the files" in answer["error"]
    status, answer, _ = post_form(server, Form(kind="user").field("kind", "agent").file("a.txt", b"x"))
    assert status == 400 and "twice" in answer["error"]
    assert len(stored(server)) == before


@pytest.mark.parametrize("path,error", [("/v1/upload", "No files provided"), ("/v1/upload/batch", "No files provided")])
def test_a_form_without_files(server, path, error):
    assert post(server, path=path, kind="user", id="me") == (400, {"error": error})


def test_what_is_no_form(server):
    reply = server.post({}, path="/v1/upload")
    assert (reply.status, reply.json) == (400, {"error": "Invalid content type. Must be multipart/form-data."})
    assert server.post(b"x", path="/v1/upload", content_type="multipart/form-data").status == 400
    for body in (b"", b"garbage", b"--b\r\n", b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nx"):
        reply = server.post(body, path="/v1/upload", content_type="multipart/form-data; boundary=b")
        assert reply.status == 400 and reply.json["error"], reply


def test_agents_and_skills_are_scopes_of_their_own(server):
    skill = upload(server, ("skills/s/ref.md", b"# ref\n"), path="/v1/upload/batch", kind="skill", id="sk1", version="3",
                   read_only="true")
    agent = upload(server, ("a.txt", b"agent"), kind="agent", id="agent-1")
    files = references(skill, "skill", "sk1", version=3) + references(agent, "agent", "agent-1")
    ran = server.exec_("bash", "cat skills/s/ref.md a.txt", files=files)
    assert ran["stdout"] == "# ref\nagent" and all(file["inherited"] for file in ran["files"])
    for wrong in (references(skill, "skill", "sk1", version=4), references(skill, "skill", "sk2", version=3),
                  references(skill, "agent", "sk1"), references(agent), references(agent, "agent", "agent-2")):
        reply = server.post({"lang": "bash", "code": "true", "files": wrong})
        assert (reply.status, reply.json) == (403, {"error": "Unauthorized file reference"})
    old = {"entity_id": "agent-1"}
    status, answer, _ = post_form(server, Form(("b.txt", b"old client"), **old))
    assert status == 200
    assert server.exec_("bash", "cat b.txt", files=references(answer, "agent", "agent-1"))["stdout"] == "old client"


def test_sealed_files_come_back_as_they_were(server):
    answer = upload(server, ("skills/s/run.py", b"print(1)\n"), path="/v1/upload/batch", kind="skill", id="sk1",
                    version="1", read_only="true")
    ran = server.exec_("py", "import os\np='/mnt/data/skills/s/run.py'\n"
                             "try:\n open(p,'w').write('evil')\nexcept PermissionError: print('sealed')\n"
                             "os.rename(p, p+'.txt')\nopen(p,'w').write('evil')",
                       files=references(answer, "skill", "sk1", version=1))
    files = by_name(ran)
    assert "sealed" in ran["stdout"] and files["skills/s/run.py"]["inherited"] is True, ran
    assert files["skills/s/run.py"]["id"] == answer["files"][0]["fileId"]
    kept = server.download(files["skills/s/run.py"], "?kind=skill&id=sk1&version=1")
    assert kept.body == b"print(1)\n" and kept.headers["X-Read-Only"] == "true"


def test_limits_of_one_file(make_server):
    server = make_server({"MAX_FILE_SIZE": 1000})
    assert post(server, ("a.bin", b"x" * 1000), kind="user")[0] == 200
    before = len(stored(server))
    assert post(server, ("a.bin", b"x"), ("b.bin", b"x" * 1001), kind="user") == (413, {"error": "File size limit exceeded"})
    assert len(stored(server)) == before, "all or none"
    status, answer = post(server, ("a.bin", b"x"), ("b.bin", b"x" * 100_000), ("c.bin", b"y"), path="/v1/upload/batch",
                          kind="user")
    assert status == 200 and answer["message"] == "partial_success"
    assert (answer["succeeded"], answer["failed"]) == (2, 1)
    assert [file["status"] for file in answer["files"]] == ["success", "error", "success"]
    assert answer["files"][1] == {"status": "error", "filename": "b.bin", "error": "File size limit exceeded"}
    status, answer = post(server, ("b.bin", b"x" * 1001), path="/v1/upload/batch", kind="user")
    assert status == 400 and answer["message"] == "error" and answer["failed"] == 1


def test_a_batch_has_at_most_200_files(server):
    status, answer = post(server, *[(f"{i}.txt", b"x") for i in range(203)], path="/v1/upload/batch", kind="user")
    assert status == 200 and answer["succeeded"] == 200 and answer["failed"] == 0
    assert answer["filesLimitReached"] is True and answer["maxFiles"] == 200 and len(answer["files"]) == 200


@pytest.mark.parametrize("path", ["/v1/upload", "/v1/upload/batch"])
def test_a_client_that_leaves_half_way_leaves_nothing(make_server, path):
    server = make_server()
    form = Form(("whole.txt", b"x" * 1000), ("half.bin", b"y" * 1_000_000), kind="user")
    body = form.body()
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {form.content_type}\r\n"
                       f"Content-Length: {len(body)}\r\n\r\n".encode() + body[:500_000])
        until(lambda: stored(server), "nothing of the first file is stored")
    until(lambda: not stored(server), lambda: f"left behind: {stored(server)}")


def resident(server, what):
    text = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(rf"^{what}:\s+(\d+) kB", text, re.M)[1]) * 1024


@pytest.mark.memory
def test_a_gigabyte_passes_through_in_constant_memory(make_server):
    server = make_server({"MAX_FILE_SIZE": "2GiB", "CODEAPI_UPLOAD_TIMEOUT": "5m"})
    block, blocks = bytes(range(256)) * 4096, 1024
    upload(server, ("warm.bin", block))  # buffers and threads that every upload has
    before = resident(server, "VmRSS")
    pathlib.Path(f"/proc/{server.process.pid}/clear_refs").write_text("5")  # forget the peak
    answer = upload(server, ("large.bin", [block] * blocks))
    file, session = answer["files"][0], answer["storage_session_id"]
    assert resident(server, "VmHWM") - before < 32 << 20
    connection = server.connect()
    connection.request("GET", f"/v1/download/{session}/{file['fileId']}?kind=user&id=me")
    response = connection.getresponse()
    assert response.status == 200 and int(response.headers["Content-Length"]) == blocks * len(block)
    for _ in range(blocks):
        assert response.read(len(block)) == block
    assert response.read() == b""
    connection.close()
    assert resident(server, "VmHWM") - before < 32 << 20
    assert server.request("DELETE", f"/v1/files/{session}/{file['fileId']}").status == 200
    assert not [path for path in stored(server) if path.stat().st_size > len(block)]
