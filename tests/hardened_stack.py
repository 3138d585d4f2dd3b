"""The whole service in hardened mode on one machine: every role a process and a user of its own, with fresh keys.

    with HardenedStack(root) as stack:
        stack.api.exec_("py", "print(1)", headers=stack.keys.headers())

Who holds what is the table of docs/security.md. Standard library only and free of pytest, because `make up-hardened` uses
it too.
"""

import os
import pathlib
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile

from harness import (ROOT, Api, EgressGateway, FileServer, ToolCallServer, Worker, binary, clean_environment, until)
from guarded import LEDGER_RIGHTS
from identity import Keys
from stack import Redis

# Numbers that no user database of a Debian has, and no program runs as.
USERS = {"redis": 61_101, "api": 61_102, "worker": 61_103, "file-server": 61_104, "tool-call-server": 61_105,
         "egress-gateway": 61_106}
PREFIX = "codeapi:"
COMMANDS = "-@all +@connection +@read +@write +@scripting +@pubsub +time -@dangerous"
# docs/hardened.md tells to make these users.
ACL = {"codeapi-api": f"~{PREFIX}{{queue}}:* ~{PREFIX}{{state}}:* resetchannels &{PREFIX}{{queue}}:* {COMMANDS}",
       "codeapi-worker": f"~{PREFIX}{{queue}}:* resetchannels &{PREFIX}{{queue}}:* {COMMANDS}",
       "codeapi-ledger": " ".join(LEDGER_RIGHTS)}


def key_pair(directory):
    """An Ed25519 pair for manifests: the private and the public half, PEM."""
    private = pathlib.Path(directory) / "manifest.pem"
    subprocess.run(["openssl", "genpkey", "-quiet", "-algorithm", "ED25519", "-out", private], check=True)
    public = subprocess.run(["openssl", "pkey", "-in", private, "-pubout"], check=True, capture_output=True, text=True)
    try:
        return private.read_text(), public.stdout
    finally:
        private.unlink()


class AclRedis(Redis):
    """Redis in which everybody but its administrator is a user with rights to some keys only."""

    def __init__(self):
        super().__init__()
        self.passwords = {user: secrets.token_hex(16) for user in ACL}

    def start(self):
        config = self.directory / "redis.conf"
        users = "".join(f"user {name} on >{self.passwords[name]} {rights}\n" for name, rights in ACL.items())
        config.write_text(f"bind 127.0.0.1\nport {self.port}\ndir {self.directory}\nappendonly yes\nsave \"\"\n"
                          f"daemonize no\nacllog-max-len 1000\nuser default off\nuser admin on >{self.password} ~* &* +@all\n"
                          + users)
        config.chmod(0o600)
        user = USERS["redis"]
        for path in (self.directory, config):
            os.chown(path, user, user)
        with open(self.directory / "redis.log", "ab") as log:
            self.process = subprocess.Popen(["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "redis-server",
                                             str(config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory)
        until(self.answers, lambda: (self.directory / "redis.log").read_text()[-2000:])
        return self

    def answers(self):
        assert self.process.poll() is None, (self.directory / "redis.log").read_text()[-2000:]
        return self.ask("PING", check=False) == "PONG"

    def ask(self, *words, user="admin", check=True):
        """The answer to one command, as redis-cli prints it."""
        password = self.password if user == "admin" else self.passwords[user]
        run = subprocess.run(["redis-cli", "-p", str(self.port), "--user", user, "--no-auth-warning", *words], text=True,
                             stdin=subprocess.DEVNULL, capture_output=True,
                             env={"REDISCLI_AUTH": password, "PATH": "/usr/bin:/bin"})
        assert not check or run.returncode == 0, run
        return run.stdout.strip()

    def refused(self):
        """What Redis refused to its users since the last time, one line an entry."""
        entries = self.ask("ACL", "LOG")
        self.ask("ACL", "LOG", "RESET")
        return entries

    def settings_of(self, user):
        return {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": self.port, "REDIS_USERNAME": user,
                "REDIS_PASSWORD": self.passwords[user]}

    def url_of(self, user):
        return f"redis://{user}:{self.passwords[user]}@127.0.0.1:{self.port}/0"


class HardenedStack:
    """Started when entered, gone with all its data when left. Root only: each role is another user.

    `root` is the file tree that programs see. `more` maps a role's name to settings beside those it needs.
    """

    def __init__(self, root, workers=1, more=None):
        self.root, self.more, self.worker_count = root, more or {}, workers
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="codeapi-hardened-"))
        self.directory.chmod(0o755)
        # Whoever is not root cannot always reach where the programs were built.
        self.program = shutil.copy(binary(), self.directory / "codeapi")
        self.keys = Keys(self.directory, kid="lc-codeapi-2026-05")
        self.private, self.public = key_pair(self.directory)
        self.token, self.grant_secret = secrets.token_hex(32), secrets.token_hex(32)
        self.redis = AclRedis()
        self.file_server = self.tool_call_server = self.gateway = self.api = None
        self.workers = []

    def settings(self, role):
        """All that a process of this role is told; the table of docs/security.md is behind it."""
        url = "http://127.0.0.1:{}".format
        common = {"CODEAPI_HARDENED_SANDBOX_MODE": "true", "CODEAPI_INTERNAL_SERVICE_TOKEN": self.token,
                  **self.more.get(role, {})}
        if role == "egress-gateway":
            return {"SANDBOX_EXECUTION_MANIFEST_PUBLIC_KEY": self.public, "CODEAPI_EGRESS_GRANT_SECRET": self.grant_secret,
                    "CODEAPI_EGRESS_LEDGER_REDIS_URL": self.redis.url_of("codeapi-ledger"),
                    "EGRESS_GATEWAY_FILE_SERVER_URL": url(self.file_server.port),
                    "EGRESS_GATEWAY_TOOL_CALL_SERVER_URL": url(self.tool_call_server.port), **common}
        if role == "worker":
            return {"SANDBOX_EXECUTION_MANIFEST_PUBLIC_KEY": self.public, "CODEAPI_ROOT": self.root,
                    "EGRESS_GATEWAY_URL": url(self.gateway.port), "CODEAPI_WORKER_USER": "{0}:{0}".format(USERS["worker"]),
                    **self.redis.settings_of("codeapi-worker"), **common}
        if role == "api":
            return {"CODEAPI_EXECUTION_MANIFEST_PRIVATE_KEY": self.private, "FILE_SERVER_URL": url(self.file_server.port),
                    **self.keys.settings(), "CODEAPI_AUTH_PROVIDER": "both",
                    **self.redis.settings_of("codeapi-api"), **common}
        return common

    def as_its_user(self, kind):
        """A server of this kind, not started: it will run as the role's own user."""
        server = kind(self.settings(kind.role))
        server.user, server.executable = USERS[kind.role], self.program
        server._give(server.directory)
        return server

    def __enter__(self):
        try:
            self.redis.start()
            self.file_server = self.as_its_user(FileServer).start()
            self.tool_call_server = self.as_its_user(ToolCallServer)
            self.tool_call_server.settings.pop("CODEAPI_DATA_DIR", None)
            self.tool_call_server.start()
            self.gateway = self.as_its_user(EgressGateway).start()
            for _ in range(self.worker_count):
                self.add_worker()
            self.api = self.as_its_user(Api).start()
            return self
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def add_worker(self, **environment):
        """One more worker, started as root, which it does not stay."""
        self.workers.append(Worker({**self.settings("worker"), **environment}).start())
        return self.workers[-1]

    def servers(self):
        """Role and server, the outermost first."""
        named = [("api", self.api), *(("worker", worker) for worker in self.workers), ("egress-gateway", self.gateway),
                 ("tool-call-server", self.tool_call_server), ("file-server", self.file_server)]
        return [(role, server) for role, server in named if server]

    def api_key(self, user="user-0001", tenant="legacy"):
        """A new API key, made with the API's own rights."""
        run = subprocess.run([self.program, "keys", "create", "--user", user, "--tenant", tenant], text=True, check=True,
                             env=clean_environment(**self.redis.settings_of("codeapi-api")), capture_output=True)
        return run.stdout.strip()

    def __exit__(self, *_):
        for _, server in self.servers():
            if server.process and server.process.poll() is None:
                server.process.send_signal(signal.SIGTERM)
                try:
                    server.wait()
                except AssertionError as late:
                    print(late)
            server.destroy()
        self.redis.destroy()
        shutil.rmtree(self.directory, ignore_errors=True)


def main():
    """`make up-hardened`: prints what runs where and as whom, until Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    current = ROOT / "build" / "root" / "current"
    if not current.exists():
        sys.exit("up-hardened: there is no root for programs; make root builds one")
    print("==> up-hardened: making keys, starting Redis and one process of each role", flush=True)
    try:
        with HardenedStack(str(current.resolve())) as stack:
            print(f"{'redis':17} 127.0.0.1:{stack.redis.port}  user {USERS['redis']}  pid {stack.redis.process.pid}")
            for role, server in stack.servers():
                print(f"{role:17} http://127.0.0.1:{server.port}  user {USERS[role]}  pid {server.process.pid}")
            print("\nSet this in LibreChat's .env:\n"
                  f"  LIBRECHAT_CODE_BASEURL=http://127.0.0.1:{stack.api.port}/v1\n"
                  f"  CODEAPI_JWT_PRIVATE_KEY=\"$(cat {stack.keys.private_file})\"\n\nor try it:\n"
                  f"  curl -s http://127.0.0.1:{stack.api.port}/v1/exec -H 'X-API-Key: {stack.api_key()}' \\\n"
                  "       -H 'Content-Type: application/json' -d '{\"lang\":\"py\",\"code\":\"print(6*7)\"}'\n\n"
                  "Ctrl-C ends all of it", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        print("\n==> up-hardened: stopped")


if __name__ == "__main__":
    main()
