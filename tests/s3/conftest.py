"""Fixture: one S3 server for all tests of this directory."""

import pytest

from s3_server import S3Server


@pytest.fixture(scope="session")
def s3():
    with S3Server() as server:
        yield server
