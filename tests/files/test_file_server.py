"""`codeapi file-server`: stored files over HTTP, who may reach them, and what survives."""

import os
import secrets
import signal
import socket
import subprocess
import urllib.parse

import pytest
from forms import Form
from harness import FileServer, binary, clean_environment, free_port, kept, until

TOKEN = "the-token-of-the-tests"
AUTHORIZED = {"X-CodeAPI-Internal-Token": TOKEN}


def new_id():
    return secrets.token_urlsafe(16)[:21].ljust(21, "x")


@pytest.fixture
def make_file_server():
    """make_file_server(environment, data_dir): a started one; those still running at the end must stop cleanly."""
    def start(environment=None, data_dir=None):
        return FileServer({"CODEAPI_INTERNAL_SERVICE_TOKEN": TOKEN, **(environment or {})}, data_dir).start()

    yield from kept(start)


@pytest.fixture
def files(make_file_server):
    return make_file_server()


def path(session, file):
    return f"/sessions/{session}/objects/{file}"


def put(server, where, body, name="a.txt", content_type="text/plain", **headers):
    return server.request("PUT", where, body, {"X-Original-Filename": urllib.parse.quote(name, safe=""),
                                               "Content-Type": content_type, **AUTHORIZED, **headers})


def get(server, where):
    return server.get(where, headers=AUTHORIZED)


def refused(**environment):
    """The stderr of a file server that has to refuse to start."""
    run = subprocess.run([binary(), "file-server"], capture_output=True, text=True, timeout=60,
                         stdin=subprocess.DEVNULL, env=clean_environment(FILE_SERVER_PORT=free_port(), **environment))
    assert run.returncode == 1, run
    return run.stderr


def test_a_file_comes_back_as_it_was(files):
    session, file, body = new_id(), new_id(), os.urandom(5_000_000)
    stored = put(files, path(session, file), body, "dir/rates € \"x\".bin", "application/x-test", **{"X-Read-Only": "true"})
    assert stored.status == 200 and stored.json["filename"] == "dir/rates € \"x\".bin"
    assert stored.json["fileId"] == file
    reply = get(files, path(session, file))
    assert reply.status == 200 and reply.body == body
    assert reply.headers["Content-Type"] == "application/x-test"
    assert reply.headers["Content-Length"] == str(len(body))
    assert reply.headers["Content-Disposition"] == \
        "attachment; filename*=UTF-8''dir%2Frates%20%E2%82%AC%20%22x%22.bin"
    assert reply.headers["X-Read-Only"] == "true"
    metadata = get(files, path(session, file) + "/metadata").json
    assert metadata["originalFilename"] == "dir/rates € \"x\".bin" and metadata["size"] == len(body)
    assert metadata["readOnly"] is True and metadata["name"] == f"{session}/{file}.bin"
    listing = get(files, f"/sessions/{session}/objects?detail=summary").json
    assert [item["fileId"] for item in listing] == [file]
    assert files.request("DELETE", path(session, file), headers=AUTHORIZED).json == {
        "message": "File deleted successfully", "session_id": session, "fileId": file}
    assert get(files, path(session, file)).status == 404


def test_a_body_of_unknown_length(files):
    session, file = new_id(), new_id()
    pieces = [os.urandom(70_000) for _ in range(30)]
    connection = files.connect()
    connection.request("PUT", path(session, file), iter(pieces), {"X-Original-Filename": "a", "Content-Type": "a/b",
                                                                  **AUTHORIZED}, encode_chunked=True)
    assert connection.getresponse().status == 200
    connection.close()
    assert get(files, path(session, file)).body == b"".join(pieces)


def test_a_form(files):
    session, one, two = new_id(), new_id(), new_id()
    form = Form((f"{one}___rates%20%E2%82%AC.csv", b"a,b\n"), (f"{two}___empty", b""))
    reply = files.request("POST", f"/sessions/{session}/objects", form.body(),
                          {"Content-Type": form.content_type, **AUTHORIZED})
    assert reply.status == 200 and reply.json == {
        "message": "success", "storage_session_id": session,
        "files": [{"filename": "rates €.csv", "fileId": one}, {"filename": "empty", "fileId": two}]}
    assert get(files, path(session, one)).body == b"a,b\n"


def test_only_with_the_token(files):
    where = path(new_id(), new_id())
    for headers in ({}, {"X-CodeAPI-Internal-Token": "wrong"}, {"Authorization": f"Bearer {TOKEN}"}):
        for method in ("GET", "PUT", "DELETE"):
            reply = files.request(method, where, headers=headers)
            assert reply.status == 401 and reply.json == {"error": "Unauthorized"}
        assert files.get("/sessions", headers=headers).status == 401
    assert files.get("/health").json == {"status": "ok"}
    assert files.get("/ready").json == {"status": "ready", "checks": {"storage": "ok"}}
    assert files.get("/nothing").json == {"error": "Not found"}


def test_metrics_name_routes_and_never_ids(files):
    session, file = new_id(), new_id()
    put(files, path(session, file), b"x")
    get(files, path(session, file))
    line = 'codeapi_http_requests_total{method="GET",route="/sessions/{session}/objects/{id}",status_code="200"} 1'
    # A request is counted when its answer has been sent, which may be after its client has it.
    until(lambda: line in files.get("/metrics").body.decode(), "the request was not counted")
    text = files.get("/metrics").body.decode()
    assert "codeapi_file_uploads_total 1\n" in text and "codeapi_file_downloads_total 1\n" in text
    assert session not in text and file not in text


def test_files_survive_a_restart_and_a_kill(make_file_server, tmp_path):
    session, file = new_id(), new_id()
    first = make_file_server(data_dir=tmp_path / "data")
    assert put(first, path(session, file), b"kept").status == 200
    first.kill()
    second = make_file_server(data_dir=tmp_path / "data")
    assert get(second, path(session, file)).body == b"kept"
    assert put(second, path(session, file), b"other").status == 409


def test_an_upload_that_is_cut_short_leaves_nothing(files):
    session, file = new_id(), new_id()
    with socket.create_connection(("127.0.0.1", files.port)) as client:
        client.sendall(f"PUT {path(session, file)} HTTP/1.1\r\nHost: x\r\nX-CodeAPI-Internal-Token: {TOKEN}\r\n"
                       "X-Original-Filename: a\r\nContent-Type: a/b\r\nContent-Length: 1000000\r\n\r\nstart".encode())
    # The next request proves nothing about that one's end; its count does.
    counted = f'method="PUT",route="/sessions/{{session}}/objects/{{id}}",status_code="499"'
    until(lambda: counted in files.get("/metrics").body.decode(), "the upload has not ended")
    assert get(files, path(session, file)).status == 404
    assert get(files, f"/sessions/{session}/objects").json == []
    left = [p for p in (files.data_dir / "files").rglob("*") if p.is_file() and p.name != "lock"]
    assert left == []


def test_sigterm_lets_a_running_upload_finish(files):
    session, file = new_id(), new_id()
    with socket.create_connection(("127.0.0.1", files.port)) as client:
        client.sendall(f"PUT {path(session, file)} HTTP/1.1\r\nHost: x\r\nX-CodeAPI-Internal-Token: {TOKEN}\r\n"
                       "X-Original-Filename: a\r\nContent-Type: a/b\r\nExpect: 100-continue\r\n"
                       "Content-Length: 8\r\n\r\n".encode())
        assert client.recv(1000).startswith(b"HTTP/1.1 100")  # the handler reads
        files.process.send_signal(signal.SIGTERM)
        assert files.wait_for_line("codeapi: SIGTERM: finishing what is under way", 30)
        client.sendall(b"finished")
        answer = client.recv(10_000)
        assert answer.startswith(b"HTTP/1.1 200") and b"Connection: close" in answer
    assert files.wait() == 0
    assert (files.data_dir / "files" / "objects" / session / file).read_bytes() == b"finished"


def test_an_outside_address_needs_a_token(tmp_path):
    outside = {"FILE_SERVER_HOST": "0.0.0.0", "CODEAPI_DATA_DIR": tmp_path / "data"}
    error = refused(**outside)
    assert "CODEAPI_INTERNAL_SERVICE_TOKEN" in error and "CODEAPI_ALLOW_UNAUTHENTICATED_INTERNAL" in error
    assert "listening" not in error
    assert "CODEAPI_INTERNAL_SERVICE_TOKEN" in refused(CODEAPI_HARDENED_SANDBOX_MODE="true", **outside)
    # A name may mean any address, today this and tomorrow another.
    assert "CODEAPI_INTERNAL_SERVICE_TOKEN" in refused(FILE_SERVER_HOST="localhost", CODEAPI_DATA_DIR=tmp_path / "data")


@pytest.mark.parametrize("environment,loud", [
    ({"FILE_SERVER_HOST": "0.0.0.0", "CODEAPI_INTERNAL_SERVICE_TOKEN": TOKEN}, False),
    ({"FILE_SERVER_HOST": "0.0.0.0", "CODEAPI_INTERNAL_SERVICE_TOKEN": "",
      "CODEAPI_ALLOW_UNAUTHENTICATED_INTERNAL": "true"}, True),
    ({"CODEAPI_INTERNAL_SERVICE_TOKEN": ""}, False)])
def test_who_may_listen_where(environment, loud):
    server = FileServer(environment)
    try:
        server.start()
        assert ("WARNING: everyone who reaches" in server.log()) == loud
        allowed = environment["CODEAPI_INTERNAL_SERVICE_TOKEN"] == ""
        assert server.get("/sessions").status == (200 if allowed else 401)
        assert server.stop() == 0
    finally:
        server.destroy()


def test_a_bad_address_and_a_taken_port(files, tmp_path):
    assert "no.such.address" in refused(FILE_SERVER_HOST="no.such.address", CODEAPI_INTERNAL_SERVICE_TOKEN=TOKEN,
                                        CODEAPI_DATA_DIR=tmp_path / "data")
    run = subprocess.run([binary(), "file-server", "--port", str(files.port), "--data-dir", str(tmp_path / "other")],
                         capture_output=True, text=True, timeout=60, env=clean_environment())
    assert run.returncode == 1 and str(files.port) in run.stderr


def test_two_servers_do_not_share_a_directory(files):
    run = subprocess.run([binary(), "file-server", "--port", str(free_port()), "--data-dir", str(files.data_dir)],
                         capture_output=True, text=True, timeout=60, env=clean_environment())
    assert run.returncode == 1 and str(files.data_dir) in run.stderr
