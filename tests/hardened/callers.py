"""Who asks a service in hardened mode."""

from harness import ANSWER_SECONDS, Server


class Caller(Server):
    """The stack's API as one user sees it: a server of the harness whose requests carry that user's token."""

    def __init__(self, stack, user, tenant):  # nothing is started: it is there
        self.__dict__.update(stack.api.__dict__)
        self.token_user, self.headers = user, stack.keys.headers(user, tenant, life=299)
        self.census = stack.census

    def request(self, method, path, body=None, headers=None, timeout=ANSWER_SECONDS, connection=None):
        return super().request(method, path, body, {**self.headers, **(headers or {})}, timeout, connection)

    def download(self, file, query=None):
        return super().download(file, query or f"?kind=user&id={self.token_user}")
