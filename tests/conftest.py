"""Fixtures: a server for the whole session, and a factory for servers with settings of their own."""

import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from census import started  # noqa: E402
from harness import ROOT, kept, rootless  # noqa: E402


def pytest_collection_modifyitems(config, items):
    """Where servers run as an ordinary user without cgroups, what only cgroups can hold is not asked for."""
    if not rootless():
        return
    left_out = [item for item in items if item.get_closest_marker("cgroups")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if not item.get_closest_marker("cgroups")]


@pytest.fixture(scope="session")
def server():
    """The server most tests share, with default settings. Its end is a test too: SIGTERM, exit status 0."""
    it = started()
    try:
        assert it.get("/v1/health").status == 200
        yield it
        assert it.process.poll() is None, f"the server died:\n{it.log()}"
        assert it.stop() == 0, it.log()
    finally:
        it.destroy()


@pytest.fixture
def make_server():
    """make_server(environment, data_dir): a server of this test's own."""
    yield from kept(started)


@pytest.fixture(scope="module")
def make_module_server():
    """The same, for servers that the tests of one file share."""
    yield from kept(started)


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
