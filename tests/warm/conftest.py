"""Two servers that differ in one setting."""

import pytest
from starts import await_warm

@pytest.fixture(scope="module")
def pair(make_module_server, languages_root):
    """A server with warm starts, which has begun to use them, and one without."""
    return both(make_module_server, languages_root, "print()")


@pytest.fixture(scope="module")
def data_pair(make_module_server):
    """The same with this machine's own Python, which has packages for working with data."""
    return both(make_module_server, "host", "import numpy\n")


def both(make, root, code):
    settings = {"CODEAPI_ROOT": root, "SANDBOX_MAX_CONCURRENT_JOBS": 4}
    warm = make({**settings, "CODEAPI_WARM": "on"})
    cold = make({**settings, "CODEAPI_WARM": "off"})
    await_warm(warm, code)
    return warm, cold
