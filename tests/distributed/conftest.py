"""Fixture: one distributed set-up for all tests of this directory; what a test stops it has to start again."""

import pytest

from stack import Stack


@pytest.fixture(scope="session")
def stack():
    with Stack() as it:
        yield it
