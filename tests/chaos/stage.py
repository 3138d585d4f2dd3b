"""The distributed set-up that things are broken in: each process reaches Redis through a proxy of its own."""

import pathlib
import subprocess
import tempfile
import threading

from harness import Api, FileServer, Worker
from proxy import Proxy
from stack import Stack

LEASE_SECONDS = 3
SETTINGS = {"CODEAPI_QUEUE_LEASE": f"{LEASE_SECONDS}s", "JOB_TIMEOUT": "30s", "TOOL_CALL_SESSION_EXPIRY": "20s",
            "SANDBOX_MAX_CONCURRENT_JOBS": 4, "CODEAPI_POOL_SIZE": 2, "CODEAPI_SHUTDOWN_GRACE": "5s"}
DISK = "24m"  # of the file server that keeps objects in a directory


class Stage(Stack):
    """`store` is s3 or directory; the directory is a small file system of its own, `disk`."""

    def __init__(self, store="s3"):
        super().__init__(environment=SETTINGS)
        self.store, self.disk = store, None
        self.dead = []  # processes that were killed, for what they leave
        self._lock, self._never = threading.Lock(), threading.Event()

    def __enter__(self):
        try:
            self.redis.start()
            if self.store == "s3":
                self.s3.__enter__()
                self._entered_s3 = True
            else:
                self.disk = pathlib.Path(tempfile.mkdtemp(prefix="codeapi-chaos-disk-"))
                subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "codeapi-chaos", self.disk], check=True)
            self.add_file_server()
            for _ in range(self.worker_count):
                self.add_worker()
            for _ in range(self.api_count):
                self.add_api()
            return self
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def __exit__(self, *_):
        for process in self.processes():
            if getattr(process, "proxy", None):
                process.proxy.resume()
        super().__exit__()
        for process in [*self.processes(), *self.dead]:
            if getattr(process, "proxy", None):
                process.proxy.stop()
            process.destroy()
        if self.disk:
            subprocess.run(["umount", self.disk], check=False)
            self.disk.rmdir()

    def _begin(self, make):
        proxy = Proxy(self.redis.port)
        process = make({**self.shared(), "REDIS_PORT": proxy.port})
        process.proxy, process.killed = proxy, False
        try:
            return process.start()
        except BaseException:
            proxy.stop()
            raise

    def add_worker(self):
        worker = self._begin(Worker)
        with self._lock:
            self.workers.append(worker)
        return worker

    def add_api(self):
        api = self._begin(Api)
        with self._lock:
            self.apis.append(api)
        return api

    def add_file_server(self, port=None):
        """With a port: in the place of one that was there."""
        kept = self.s3.settings() if self.store == "s3" else {}
        server = FileServer({**kept, "CODEAPI_INTERNAL_SERVICE_TOKEN": self.token},
                            data_dir=self.disk / "data" if self.disk else None)
        if port:
            server.port = server.settings["FILE_SERVER_PORT"] = port
            server.ready = f"codeapi: listening on http://{server.address}:{port}"
        self.file_server = server.start()

    def kill(self, process):
        """SIGKILL. From this moment on its clients may see a broken connection."""
        process.killed = True
        with self._lock:
            for group in (self.apis, self.workers):
                if process in group:
                    group.remove(process)
        self.dead.append(process)
        process.kill()

    def api(self, rng):
        """Some API that is not known to be dead."""
        with self._lock:
            return rng.choice(self.apis)

    def pause(self, seconds):
        self._never.wait(seconds)
