"""Tokens as LibreChat makes them, and API keys: who the tests are."""

import base64
import hashlib
import json
import pathlib
import subprocess
import time
import uuid

from harness import clean_environment, command


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Keys:
    """A key pair for tokens: Ed25519, or RSA."""

    def __init__(self, directory, kid="test-key", rsa=False):
        self.kid, self.rsa = kid, rsa
        self.private_file = pathlib.Path(directory) / f"{kid}.pem"
        kind = ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"] if rsa else ["ED25519"]
        subprocess.run(["openssl", "genpkey", "-quiet", "-algorithm", *kind, "-out", self.private_file], check=True)
        self.public = subprocess.run(["openssl", "pkey", "-in", self.private_file, "-pubout"], check=True,
                                     capture_output=True, text=True).stdout

    def settings(self):
        """What a server needs to accept this key's tokens."""
        return {"CODEAPI_AUTH_PROVIDER": "librechat-jwt", "CODEAPI_JWT_PUBLIC_KEY": self.public,
                "CODEAPI_JWT_KID": self.kid}

    def sign(self, text):
        how = ["dgst", "-sha256", "-sign"] if self.rsa else ["pkeyutl", "-sign", "-rawin", "-inkey"]
        source = self.private_file.with_suffix(f".{uuid.uuid4().hex}")
        source.write_text(text)
        try:
            arguments = [*how, self.private_file, *([source] if self.rsa else ["-in", source])]
            return subprocess.run(["openssl", *arguments], check=True, capture_output=True).stdout
        finally:
            source.unlink()

    def token(self, user="user-0001", tenant="legacy", header=None, life=300, born=None, **claims):
        """A token; a claim of None is left out."""
        now = int(time.time()) if born is None else born
        context = {"chc_user_id": "", "org_id": "", "principal_source": "librechat_jwt", "role": "USER",
                   "service_id": "", "sub": user, "tenant_id": tenant or ""}
        payload = {"iss": "librechat", "aud": "codeapi", "sub": user, "iat": now, "nbf": now,
                   "exp": now + life, "jti": str(uuid.uuid4()), "tenant_id": tenant, "role": "USER",
                   "principal_source": "librechat_jwt",
                   "auth_context_hash": hashlib.sha256(
                       json.dumps(context, separators=(",", ":")).encode()).hexdigest(), **claims}
        payload = {name: value for name, value in payload.items() if value is not None}
        head = {"alg": "RS256" if self.rsa else "EdDSA", "typ": "JWT", "kid": self.kid, **(header or {})}
        text = ".".join(encode(json.dumps(part).encode()) for part in (head, payload))
        return f"{text}.{encode(self.sign(text))}"

    def headers(self, *arguments, **options):
        return {"Authorization": f"Bearer {self.token(*arguments, **options)}"}


def new_api_key(server, user="user-0001", tenant="legacy", *options):
    """An API key of a running server, made with `codeapi keys create`."""
    run = subprocess.run(command("keys", "create", "--user", user, "--tenant", tenant, *options),
                         env=clean_environment(CODEAPI_DATA_DIR=server.data_dir), stdin=subprocess.DEVNULL,
                         capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()
