"""A server on a root with every language."""

import pytest

from harness import Server

LIMITS = {"SANDBOX_RUN_MEMORY_LIMIT": 256 << 20, "SANDBOX_MAX_CONCURRENT_JOBS": 4, "CODEAPI_POOL_SIZE": 2}


@pytest.fixture(scope="session")
def language_server(languages_root):
    """A server on that root."""
    it = Server({"CODEAPI_ROOT": languages_root, **LIMITS}).start()
    try:
        yield it
        assert it.stop() == 0, it.log()
    finally:
        it.destroy()
