import pytest
from roles import roles

NAMES = ["api", "file-server", "tool-call-server", "worker"]


@pytest.fixture(scope="session")
def every_role():
    with roles() as found:
        assert sorted(found) == sorted(NAMES)
        yield found


@pytest.fixture(params=NAMES)
def role(request, every_role):
    return every_role[request.param]
