"""The whole service as processes of their own on one machine: Redis, S3, a file server, APIs and workers.

    with Stack() as stack:
        stack.apis[0].exec_("py", "print(1)")

Standard library only and free of pytest, because `make up-distributed` uses it too.
"""

import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile

from harness import ROOT, Api, FileServer, Worker, binary, free_port, until
from s3_server import S3Server


class Redis:
    """Debian's redis-server on loopback, with a password and a directory of its own. `fsync`: always, everysec or no."""

    def __init__(self, fsync="always"):
        self.fsync = fsync
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="codeapi-redis-"))
        self.port, self.password, self.process = free_port(), secrets.token_hex(16), None

    def start(self):
        """Returns once it answers. What it kept is there again."""
        # The password is in a file, where no list of processes shows it.
        config = self.directory / "redis.conf"
        config.write_text(f"bind 127.0.0.1\nport {self.port}\ndir {self.directory}\nrequirepass {self.password}\n"
                          f"appendonly yes\nappendfsync {self.fsync}\nsave \"\"\ndaemonize no\n")
        config.chmod(0o600)
        with open(self.directory / "redis.log", "ab") as log:
            self.process = subprocess.Popen(["redis-server", str(config)], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, cwd=self.directory)
        until(self.answers, lambda: (self.directory / "redis.log").read_text()[-2000:])
        return self

    def answers(self):
        assert self.process.poll() is None, (self.directory / "redis.log").read_text()[-2000:]
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\nQUIT\r\n".encode())
                answer = b""
                while piece := connection.recv(100):
                    answer += piece
                return b"PONG" in answer
        except OSError:
            return False

    def pause(self):
        """It keeps its connections and answers nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        """It is gone in the middle of whatever it does; start() again has what it had acknowledged."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.resume()
            self.process.terminate()
            self.process.wait(30)

    def destroy(self):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def settings(self):
        return {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": self.port, "REDIS_PASSWORD": self.password}


def manifest_keys():
    """A fresh pair of keys, as the settings of APIs and of workers."""
    made = subprocess.run([binary(), "keys", "manifest"], capture_output=True, text=True, check=True)
    private, public = (dict([line.split("=", 1)]) for line in made.stdout.splitlines())
    return private, public


class Stack:
    """Started when entered, gone with all its data when left. Files are in S3, or in a directory."""

    def __init__(self, apis=2, workers=3, environment=None, manifests=False, s3=True):
        self.token = secrets.token_hex(32)
        self.more = environment or {}
        self.private, self.public = manifest_keys() if manifests else ({}, {})
        self.api_count, self.worker_count = apis, workers
        self.redis, self.s3, self.file_server = Redis(), S3Server() if s3 else None, None
        self.apis, self.workers = [], []
        self._entered_s3 = False

    def shared(self):
        """What the processes that meet in Redis are told."""
        return {**self.redis.settings(), "CODEAPI_INTERNAL_SERVICE_TOKEN": self.token,
                "FILE_SERVER_URL": f"http://127.0.0.1:{self.file_server.port}", **self.more}

    def __enter__(self):
        try:
            self.redis.start()
            if self.s3:
                self.s3.__enter__()
                self._entered_s3 = True
            kept = self.s3.settings() if self.s3 else {}
            self.file_server = FileServer({**kept, "CODEAPI_INTERNAL_SERVICE_TOKEN": self.token}).start()
            for _ in range(self.worker_count):
                self.add_worker()
            for _ in range(self.api_count):
                self.apis.append(Api({**self.shared(), **self.private}).start())
            return self
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def add_worker(self, **environment):
        self.workers.append(Worker({**self.shared(), **self.public, **environment}).start())
        return self.workers[-1]

    def processes(self):
        return [*self.apis, *self.workers, *([self.file_server] if self.file_server else [])]

    def __exit__(self, *_):
        # The outermost first, so that each finds what it needs while it ends.
        for process in self.processes():
            if process.process and process.process.poll() is None:
                process.process.send_signal(signal.SIGTERM)
                try:
                    process.wait()
                except AssertionError as late:
                    print(late)
            process.destroy()
        if self._entered_s3:
            self.s3.__exit__(None, None, None)
        self.redis.destroy()


def main():
    """`make up-distributed`: prints what runs where, until Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    packages = ROOT / "build" / "root"
    root = {"CODEAPI_PACKAGES_DIR": packages} if (packages / "current").exists() else {}
    print("==> up-distributed: starting Redis, S3, a file server, workers and APIs", flush=True)
    try:
        with Stack(environment=root) as stack:
            for api in stack.apis:
                print(f"api          http://127.0.0.1:{api.port}/v1  pid {api.process.pid}")
            for worker in stack.workers:
                print(f"worker       http://127.0.0.1:{worker.port}/health  pid {worker.process.pid}")
            print(f"file server  http://127.0.0.1:{stack.file_server.port}/health  "
                  f"pid {stack.file_server.process.pid}")
            print(f"redis        127.0.0.1:{stack.redis.port}  pid {stack.redis.process.pid}")
            print(f"s3           http://127.0.0.1:{stack.s3.port}  pid {stack.s3.process.pid}")
            print("\nSet this in LibreChat's .env (either API will do):\n"
                  f"  LIBRECHAT_CODE_BASEURL=http://127.0.0.1:{stack.apis[0].port}/v1\n\n"
                  "Ctrl-C ends all of it", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        print("\n==> up-distributed: stopped")


if __name__ == "__main__":
    main()
