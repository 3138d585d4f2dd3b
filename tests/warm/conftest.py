"""Two servers that differ in one setting."""

import pytest
from starts import await_warm

@pytest.fixture(scope="module")
def pair(make_module_server, languages_root):
    """A server with warm starts, which has begun to use them, and one without."""
    settings = {"CODEAPI_ROOT": languages_root, "SANDBOX_MAX_CONCURRENT_JOBS": 4}
    warm = make_module_server({**settings, "CODEAPI_WARM": "on"})
    cold = make_module_server({**settings, "CODEAPI_WARM": "off"})
    await_warm(warm)
    return warm, cold
