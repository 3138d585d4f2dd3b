"""Fixtures: a whole service in hardened mode, which the tests of this directory share."""

import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
# Attacks of other directories are made again here.
sys.path[:0] = [str(HERE.parent / name) for name in ("http", "security", "distributed", "conformance")]

from callers import Caller  # noqa: E402
from census import Census  # noqa: E402
from hardened_stack import HardenedStack  # noqa: E402
from roles import TOKEN  # noqa: E402

# The tests ask more often than a person.
GENEROUS = {"MAX_REQUESTS": 1_000_000, "UPLOAD_MAX_REQUESTS": 1_000_000, "DOWNLOAD_MAX_REQUESTS": 1_000_000,
            "FETCH_MAX_REQUESTS": 1_000_000, "CODEAPI_USER_MAX_CONCURRENT": 1000}


@pytest.fixture(scope="session")
def hardened(languages_root):
    """Its end is a test too: every role ends with status 0."""
    stack = HardenedStack(languages_root, more={"api": GENEROUS})
    stack.token = TOKEN
    with stack:
        stack.census = Census(stack.workers[0])
        yield stack
        for role, server in stack.servers():
            assert server.process.poll() is None, f"{role} died:\n{server.log()}"
            assert server.stop() == 0, server.log()


@pytest.fixture
def caller(hardened):
    """caller(user, tenant): a server of the harness on which somebody asks with a fresh token."""
    return lambda user="user-0001", tenant="legacy": Caller(hardened, user, tenant)


@pytest.fixture
def server(caller):
    """What the attacks of other directories attack."""
    return caller()
