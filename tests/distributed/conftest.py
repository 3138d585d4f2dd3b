"""Fixture: one distributed set-up for all tests of this directory; what a test stops it has to start again.

With CODEAPI_TEST_MANIFESTS=1 its jobs are signed and checked.
"""

import os

import pytest

from stack import Stack


@pytest.fixture(scope="session")
def stack():
    with Stack(manifests=os.environ.get("CODEAPI_TEST_MANIFESTS") == "1") as it:
        yield it
