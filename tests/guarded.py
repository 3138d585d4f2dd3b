"""The whole service with an egress gateway between its workers and its files. Free of pytest, as stack.py is."""

import secrets
import subprocess

from harness import EgressGateway
from stack import Stack

# Of gateways and what is behind them when they are started by themselves.
TOKEN = secrets.token_hex(32)
AUTHORIZED = {"X-CodeAPI-Internal-Token": TOKEN}
# docs/operations.md tells to make this user.
LEDGER_RIGHTS = ("resetkeys resetchannels ~codeapi-egress:* -@all +ping +client|setname +eval +evalsha +hget +hmget +hset "
                 "+hdel +hexists +hincrby +exists +del +get +set +pexpire +pttl").split()


def redis_command(redis, *words):
    run = subprocess.run(["redis-cli", "-p", str(redis.port), "--no-auth-warning", *words], check=True, text=True,
                         capture_output=True, env={"REDISCLI_AUTH": redis.password, "PATH": "/usr/bin:/bin"})
    assert not run.stdout.startswith(("ERR", "NOPERM", "WRONGPASS")), run.stdout
    return run.stdout.strip()


def ledger_url(redis):
    """The ledger's own user in this Redis."""
    password = secrets.token_hex(16)
    assert redis_command(redis, "ACL", "SETUSER", "ledger", "on", f">{password}", *LEDGER_RIGHTS) == "OK"
    return f"redis://ledger:{password}@127.0.0.1:{redis.port}/0"


class GuardedStack(Stack):
    """A service whose workers reach files through the gateway only. `signer` is the API's pair of keys (identity.Keys),
    `ledger` another Redis than the queue's, whose owner starts and destroys it."""

    def __init__(self, signer, ledger=None, **options):
        super().__init__(**options)
        self.signer, self.gateway, self.ledger = signer, None, ledger

    def __enter__(self):
        self.more["SANDBOX_EXECUTION_MANIFEST_PUBLIC_KEY"] = self.signer.public
        return super().__enter__()

    def add_gateway(self):
        self.gateway = EgressGateway({
            "CODEAPI_INTERNAL_SERVICE_TOKEN": self.token, "CODEAPI_EGRESS_GRANT_SECRET": secrets.token_hex(32),
            "SANDBOX_EXECUTION_MANIFEST_PUBLIC_KEY": self.signer.public, "CODEAPI_EGRESS_LEASE": "2s",
            "EGRESS_GATEWAY_FILE_SERVER_URL": f"http://127.0.0.1:{self.file_server.port}",
            "CODEAPI_EGRESS_LEDGER_REDIS_URL": ledger_url(self.ledger or self.redis)})
        self.gateway.settings["EGRESS_GATEWAY_PORT"] = self.gateway.port
        self.gateway.start()

    def restart_gateway(self):
        """A new process in the place of one that was killed, with the same secret, port and ledger."""
        settings, port = self.gateway.settings, self.gateway.port
        self.gateway.destroy()
        self.gateway = EgressGateway(settings)
        self.gateway.port = port
        self.gateway.ready = f"codeapi: listening on http://127.0.0.1:{port}"
        self.gateway.start()

    def shared(self):
        # The API signs, and is the only one that can.
        return {**super().shared(), "CODEAPI_EXECUTION_MANIFEST_PRIVATE_KEY": self.signer.private_file.read_text()}

    def add_worker(self, **environment):
        if self.gateway is None:
            self.add_gateway()
        return super().add_worker(**{"EGRESS_GATEWAY_URL": f"http://127.0.0.1:{self.gateway.port}",
                                     "FILE_SERVER_URL": "", "CODEAPI_EXECUTION_MANIFEST_PRIVATE_KEY": "",
                                     **environment})

    def processes(self):
        return [*super().processes(), *([self.gateway] if self.gateway else [])]
