"""A real `codeapi serve` on a free port, and the HTTP calls the tests make to it.

Standard library only and free of pytest, because the benchmark uses it too.
"""

import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
ID = re.compile(r"[A-Za-z0-9_-]{21}")
START_SECONDS = 60
STOP_SECONDS = 30
# Longer than any program of the tests may run; only reached when an answer never comes.
ANSWER_SECONDS = 90


def binary():
    """The codeapi executable under test."""
    return os.environ.get("CODEAPI_BIN") or str(ROOT / "build" / "release" / "codeapi")


def as_user():
    """The id of the ordinary user that servers are started as, or None: as the user of the tests."""
    user = os.environ.get("CODEAPI_TEST_USER")
    return int(user) if user else None


def worker_user():
    """UID:GID that servers with cells become once they have started as root, or None: they stay as they are."""
    return os.environ.get("CODEAPI_TEST_WORKER_USER")


def rootless():
    """Whether the servers of the tests make cells without being root."""
    return as_user() is not None or os.geteuid() != 0


def command(*arguments, user=None, executable=None):
    """The codeapi command with these arguments, run as `user` or else as the one that servers are started as."""
    user = user or as_user()
    become = [] if user is None else ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups",
                                      "--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all"]
    return [*become, str(executable or binary()), *arguments]


def copy_programs(directory):
    """Copies codeapi and its helpers to where every user can run them; returns the path of codeapi."""
    source = pathlib.Path(binary()).parent
    os.chmod(directory, 0o755)
    for name in ("codeapi", "codeapi-jailer", "codeapi-init"):
        shutil.copy(source / name, directory)
    return pathlib.Path(directory) / "codeapi"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def clean_environment(**more):
    """What a codeapi process of the tests gets: nothing of the caller's settings but CODEAPI_WARM, and what is named."""
    kept = {name: os.environ[name] for name in os.environ if name.endswith("SAN_OPTIONS") or name == "CODEAPI_WARM"}
    return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
            **kept, **{name: str(value) for name, value in more.items()}}


def until(condition, what, seconds=20):
    """Reads `condition` again and again until it is true, and returns what it gave; fails after `seconds`.

    For states of the machine that nothing announces (a process has appeared, a cgroup is gone). `what` is the
    text of the failure, or a function that makes it.
    """
    end = time.monotonic() + seconds
    pause = threading.Event()
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"after {seconds} s still not so: {what() if callable(what) else what}")
        pause.wait(0.02)


class Reply:
    """One HTTP answer: status, headers (names compared without case), body as bytes."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"Reply({self.status}, {self.body[:2000]!r})"


class StartFailed(AssertionError):
    pass


class Server:
    """One `codeapi serve` process with its own port and, unless given one, its own data directory."""

    role = "serve"
    ready = "codeapi: ready"
    address = "127.0.0.1"
    has_cells = True

    def __init__(self, environment=None, data_dir=None, user=None, executable=None):
        self.user, self.executable = user or as_user(), executable
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="codeapi-test-"))
        self.data_dir = pathlib.Path(data_dir) if data_dir else self.directory / "data"
        self.port = free_port()
        # Every server has user ids of its own, so that a census counts only its own programs.
        self.uid_base = 200000 + 64 * self.port
        self.settings = {"SERVICE_PORT": self.port, "CODEAPI_DATA_DIR": self.data_dir,
                         "CODEAPI_SANDBOX_UID_BASE": self.uid_base, **(environment or {})}
        if self.has_cells and worker_user():
            self.settings.setdefault("CODEAPI_WORKER_USER", worker_user())
        self._give(self.directory)
        self.process = None
        self.lines = []
        self._changed = threading.Condition()
        self._ended = False

    # -- life ---------------------------------------------------------------------------------------

    def start(self):
        """Returns once a program has run in a cell; raises StartFailed with the server's own words."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._give(self.data_dir)
        with open(self.directory / "stdout.log", "wb") as stdout:
            self.process = subprocess.Popen(command(self.role, user=self.user, executable=self.executable),
                                            env=clean_environment(**self.settings), cwd=self.directory,
                                            stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE)
        self._reader = threading.Thread(target=self._read_stderr, daemon=True)
        self._reader.start()
        if not self.wait_for_line(self.ready, START_SECONDS):
            self.destroy()
            raise StartFailed(f"codeapi {self.role} was not ready within {START_SECONDS} s; it said:\n{self.log()}")
        if f"codeapi: listening on http://{self.address}:{self.port}" not in self.lines:
            self.destroy()
            raise StartFailed(f"codeapi {self.role} did not name its address; it said:\n{self.log()}")
        return self

    def _give(self, path):
        become = self.settings.get("CODEAPI_WORKER_USER")
        if become:
            uid, gid = become.split(":")
            os.chown(path, int(uid), int(gid))
        elif self.user is not None:
            os.chown(path, self.user, self.user)

    def _read_stderr(self):
        for line in self.process.stderr:
            with self._changed:
                self.lines.append(line.decode("utf-8", "replace").rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait_for_line(self, line, seconds):
        with self._changed:
            self._changed.wait_for(lambda: line in self.lines or self._ended, seconds)
            return line in self.lines

    def log(self):
        with self._changed:
            return "\n".join(self.lines[-200:])

    def stop(self):
        """SIGTERM, and the exit status, which a clean stop makes 0."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self):
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            message = f"codeapi {self.role} did not end within {STOP_SECONDS} s:\n{self.log()}"
            raise AssertionError(message) from None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def destroy(self):
        """Ends what still runs and removes the server's directory."""
        if self.process and self.process.poll() is None:
            self.kill()
        if self.process:
            self._reader.join(STOP_SECONDS)
            self.process.stderr.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    # -- HTTP ---------------------------------------------------------------------------------------

    def connect(self, timeout=ANSWER_SECONDS):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def request(self, method, path, body=None, headers=None, timeout=ANSWER_SECONDS, connection=None):
        """One request, on `connection` if one is given, else on a connection of its own."""
        own = connection is None
        connection = connection or self.connect(timeout)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Reply(response.status, response.headers, response.read())
        finally:
            if own:
                connection.close()

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, body, path="/v1/exec", content_type="application/json", **options):
        """POSTs a JSON value, or bytes as they are."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.request("POST", path, data, {"Content-Type": content_type}, **options)

    def exec_(self, lang, code, timeout_s=ANSWER_SECONDS, connection=None, **body):
        """Runs one program and returns the answer's JSON; the answer must be a 200."""
        reply = self.post({"lang": lang, "code": code, **body}, timeout=timeout_s, connection=connection)
        assert reply.status == 200, reply
        return reply.json

    def download(self, file, query="?kind=user&id=local"):
        """The stored object behind one entry of an answer's `files`."""
        return self.get(f"/v1/download/{file['storage_session_id']}/{file['id']}{query}")


def kept(start):
    """For a fixture: yields a function that starts a server as `start` does, with the same arguments; those still
    running at the end must stop cleanly."""
    made = []

    def make(*arguments, **options):
        made.append(start(*arguments, **options))
        return made[-1]

    try:
        yield make
        for it in made:
            if it.process.poll() is None:
                assert it.stop() == 0, it.log()
    finally:
        for it in made:
            it.destroy()


class FileServer(Server):
    """One `codeapi file-server` process."""

    role = "file-server"
    has_cells = False

    def __init__(self, environment=None, data_dir=None):
        super().__init__(environment, data_dir)
        self.settings.pop("SERVICE_PORT")
        self.settings.setdefault("FILE_SERVER_PORT", self.port)
        self.address = self.settings.get("FILE_SERVER_HOST", self.address)
        self.ready = f"codeapi: listening on http://{self.address}:{self.port}"


class Api(Server):
    """One `codeapi api` process. `environment` names Redis and where the files are."""

    role = "api"
    has_cells = False

    def __init__(self, environment):
        super().__init__(environment)
        self.settings.pop("CODEAPI_DATA_DIR")


class Worker(Server):
    """One `codeapi worker` process; its HTTP is health and metrics only."""

    role = "worker"

    def __init__(self, environment):
        super().__init__(environment)
        self.settings.pop("CODEAPI_DATA_DIR")
        self.settings.pop("SERVICE_PORT")
        self.settings["WORKER_HEALTH_PORT"] = self.port


class ToolCallServer(Server):
    """One `codeapi tool-call-server` process."""

    role = "tool-call-server"
    has_cells = False

    def __init__(self, environment=None):
        super().__init__(environment)
        self.settings.pop("SERVICE_PORT")
        self.settings.setdefault("TOOL_CALL_SERVER_PORT", self.port)
        self.address = self.settings.get("TOOL_CALL_SERVER_HOST", self.address)
        self.ready = f"codeapi: listening on http://{self.address}:{self.port}"


class EgressGateway(Server):
    """One `codeapi egress-gateway` process. `environment` names its secret, its keys and what it forwards to."""

    role = "egress-gateway"

    def __init__(self, environment):
        super().__init__(environment)
        for name in ("SERVICE_PORT", "CODEAPI_DATA_DIR", "CODEAPI_SANDBOX_UID_BASE"):
            self.settings.pop(name)
        self.settings.setdefault("EGRESS_GATEWAY_PORT", self.port)
        self.ready = f"codeapi: listening on http://{self.address}:{self.port}"


def reference(file, **changes):
    """The entry of a request's `files` that hands `file`, out of an earlier answer, to the next program."""
    return {"id": file["id"], "resource_id": file["id"], "name": file["name"],
            "storage_session_id": file["storage_session_id"], "kind": "user", **changes}


def by_name(answer):
    """The files of an answer by name; the names must differ."""
    names = [file["name"] for file in answer["files"]]
    assert len(names) == len(set(names)), names
    return {file["name"]: file for file in answer["files"]}


def names(answer):
    return [file["name"] for file in answer["files"]]


def sandbox_line(answer):
    """The messages that the sandbox itself added to stderr."""
    return [line[len("[sandbox] "):] for line in answer["stderr"].splitlines()
            if line.startswith("[sandbox] ")]
