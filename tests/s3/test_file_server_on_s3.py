"""`codeapi file-server` over a bucket."""

import os
import subprocess

import pytest

from harness import FileServer, binary, clean_environment, free_port

SESSION, FILE = "s" * 21, "f" * 21
WHERE = f"/sessions/{SESSION}/objects/{FILE}"


@pytest.fixture
def files(s3):
    it = FileServer({"CODEAPI_INTERNAL_SERVICE_TOKEN": "t", **s3.settings("of-the-file-server")})
    try:
        yield it.start()
        assert it.stop() == 0, it.log()
    finally:
        it.destroy()


def test_files_go_to_the_bucket(files):
    token = {"X-CodeAPI-Internal-Token": "t"}
    body = os.urandom(9_000_000)  # more than one part
    stored = files.request("PUT", WHERE, body, {"X-Original-Filename": "a%20b.csv", "Content-Type": "text/csv", **token})
    assert stored.status == 200, stored
    assert files.get("/ready").json == {"status": "ready", "checks": {"storage": "ok"}}
    reply = files.get(WHERE, headers=token)
    assert reply.status == 200 and reply.body == body and reply.headers["Content-Type"] == "text/csv"
    assert files.get(f"/sessions/{SESSION}/objects?detail=normalized", headers=token).json[0]["name"] == "a b.csv"
    assert not (files.data_dir / "files").exists()
    assert files.request("DELETE", WHERE, headers=token).status == 200
    assert files.get(WHERE, headers=token).status == 404


def test_a_bucket_with_other_keys_is_no_store(s3):
    run = subprocess.run([binary(), "file-server", "--port", str(free_port())], capture_output=True, text=True,
                         timeout=120, env=clean_environment(**{**s3.settings("other"), "MINIO_SECRET_KEY": "wrong"}))
    assert run.returncode == 1 and "listening" not in run.stderr
    assert any("SignatureDoesNotMatch" in line for line in s3.refusals)
    s3.refusals.clear()
