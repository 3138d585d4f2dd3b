"""Execution manifests as the API signs them, for tests that are the worker."""

import hashlib
import json
import secrets
import string
import time

from identity import Keys, encode

ALPHABET = string.ascii_letters + string.digits + "_-"


def new_id():
    return "".join(secrets.choice(ALPHABET) for _ in range(21))


def digest(text):
    return encode(hashlib.sha256(text.encode()).digest())


def claims(**changes):
    """Those of a bash program without inputs."""
    now, execution = int(time.time()), changes.get("exec_id") or new_id()
    return {"v": 1, "exec_id": execution, "round": 1, "tenant_id": "tenant", "user_id": "user",
            "session_key": "tenant:user:user", "input_files": [], "read_sessions": [], "output_session_id": execution,
            "max_upload_bytes": 1000, "max_output_files": 3, "max_requests": 20, "iat": now, "exp": now + 300,
            "execute_body_sha256": digest("body"), "tool_call_socket": False, "principal_source": "librechat_jwt",
            "runtime": "bash", "code_sha256": digest("code"), "command_sha256": digest("command"),
            "support_sha256": "", "wall_ms": 1000, "cpu_ms": 1000, "memory_bytes": 1 << 26, "tool_calls": 0, **changes}


class Signer(Keys):
    """The API's key pair."""

    def manifest(self, **changes):
        text = json.dumps(claims(**changes), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return f"{encode(text.encode())}.{encode(self.sign(text))}"
