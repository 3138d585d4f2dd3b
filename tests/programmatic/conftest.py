"""A server of this directory's own: programs that wait for their tools are left behind here, and others count."""

import pytest
from census import started


@pytest.fixture(scope="session")
def server():
    it = started()
    try:
        yield it
        assert it.process.poll() is None, f"the server died:\n{it.log()}"
        assert it.stop() == 0, it.log()
        # The programs that waited went with it.
        it.census.assert_gone()
    finally:
        it.destroy()
