"""The root that the language tests run on, and a server with it."""

import os
import pathlib
import subprocess

import pytest

from harness import ROOT, Server

LIMITS = {"SANDBOX_RUN_MEMORY_LIMIT": 256 << 20, "SANDBOX_MAX_CONCURRENT_JOBS": 4, "CODEAPI_POOL_SIZE": 2}


@pytest.fixture(scope="session")
def languages_root():
    """A root with every language: CODEAPI_TEST_ROOT (a directory, or host), else the one of profile `test`."""
    given = os.environ.get("CODEAPI_TEST_ROOT")
    if given:
        return given
    # Nothing to do when it is there, for `make test` has built it.
    subprocess.run([ROOT / "scripts" / "build-root.sh", "test", "build/test-root"], check=True)
    built = ROOT / "build" / "test-root" / "current"
    return str(pathlib.Path(built).resolve())


@pytest.fixture(scope="session")
def language_server(languages_root):
    """A server on that root."""
    it = Server({"CODEAPI_ROOT": languages_root, **LIMITS}).start()
    try:
        yield it
        assert it.stop() == 0, it.log()
    finally:
        it.destroy()
