"""A real S3-compatible server (s3rver, behind a proxy that verifies signatures) for the time of a test.

    with S3Server() as s3:
        server = make_server({"S3_...": ...})  # or s3.settings(bucket)

Needs Node.js and npm; the packages are pinned in tests/s3/package-lock.json and installed into build/npm/s3 on first use.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "s3"))

from verifier import Verifier  # noqa: E402


class S3Server:
    """Started when entered, gone with all its objects when left."""

    access_key = "TESTACCESSKEY"
    secret_key = "test/secret+key"
    region = "us-east-1"

    def __enter__(self):
        self.modules = subprocess.run([ROOT / "scripts" / "npm-install.sh", "tests/s3"], check=True, text=True,
                                      stdout=subprocess.PIPE).stdout.strip()
        self.data = tempfile.mkdtemp(prefix="codeapi-s3-")
        self.verifier = Verifier(self._start(), {self.access_key: self.secret_key}, self.region)
        return self

    def _start(self):
        self.process = subprocess.Popen(
            ["node", str(ROOT / "tests" / "s3" / "start.js"), f"{self.modules}/node_modules", self.data],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline().split()
        if line[:1] != ["port"]:
            self.process.wait(timeout=30)
            raise RuntimeError("s3rver did not start; its message is above")
        return int(line[1])

    def kill(self):
        """It is gone in the middle of whatever it does; its objects stay."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def start_again(self):
        """After kill(); clients find it where it was."""
        self.verifier.upstream = self._start()

    def __exit__(self, *_):
        self.verifier.stop()
        self.process.terminate()
        self.process.wait(timeout=30)
        self.process.stdout.close()
        shutil.rmtree(self.data, ignore_errors=True)

    @property
    def port(self):
        """Where clients connect: the proxy's port."""
        return self.verifier.port

    @property
    def refusals(self):
        """A line for every request whose signature or checksum was wrong."""
        return self.verifier.refusals

    def settings(self, bucket="test-bucket"):
        """What a codeapi server needs in its environment to keep its objects here."""
        return {"MINIO_ENDPOINT": "127.0.0.1", "MINIO_PORT": str(self.port), "MINIO_USE_SSL": "false",
                "MINIO_ACCESS_KEY": self.access_key, "MINIO_SECRET_KEY": self.secret_key,
                "MINIO_REGION": self.region, "MINIO_BUCKET": bucket}
