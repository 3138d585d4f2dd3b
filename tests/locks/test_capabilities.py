"""The capabilities that the jailer keeps are what cells need: with these alone everything works, without any one of
them something does not. Servers are started as root with bounding sets of their own."""

import pytest
from census import named_below
from harness import Server, StartFailed, binary, by_name, reference, until
from table import CAPABILITIES, mask, own_bounding_set


def works(server):
    """Everything that a cell does for a program, and what would be different without a capability."""
    made = server.exec_("bash", "umask 077; mkdir d; echo 1 > d/a.txt; chmod 600 d/a.txt; echo 2 > b.txt; chmod 000 b.txt")
    assert made["code"] == 0 and set(by_name(made)) == {"d/a.txt", "b.txt"}, made
    file = by_name(made)["b.txt"]
    read = server.exec_("bash", "cat b.txt; echo more >> b.txt; setsid sleep 1000 & id -u; id -G",
                        files=[reference(file)], timeout_s=10)
    own = read["stdout"].split()
    assert read["code"] == 0 and own[0] == "2" and int(own[1]) >= server.uid_base and own[2:] == own[1:2], read
    # Inputs are the program's own, and what it left behind is gone.
    until(lambda: not [pid for pid in named_below(server.process.pid, "sleep")], "the program's child is ended")
    # Programs are started cold where they cannot be forked, so that has to be looked at.
    until(lambda: warm_start(server), "Python programs start warm", 5)


def warm_start(server):
    assert server.exec_("py", "print(6*7)")["stdout"] == "42\n"
    return 'start="warm"' in server.get("/metrics").body.decode()


class Bounded(Server):
    """A server that is started with a bounding set of these capabilities."""

    def __init__(self, names):
        super().__init__({"CODEAPI_WARM": "on"})
        wrapper = self.directory / "codeapi"
        caps = ",".join(["-all", *("+" + name for name in names)])
        wrapper.write_text(f"#!/bin/sh\nexec setpriv --bounding-set={caps} {binary()} \"$@\"\n")
        wrapper.chmod(0o755)
        self.executable = wrapper

    def wait_for_line(self, line, seconds):
        """Not as long as it might still become ready: whether the first program runs is the question."""
        with self._changed:
            self._changed.wait_for(
                lambda: line in self.lines or self._ended or any("not ready" in said for said in self.lines), seconds)
            return line in self.lines


def attempt(names):
    it = Bounded(names)
    try:
        it.start()
        works(it)
        assert it.stop() == 0
    finally:
        it.destroy()


def test_they_are_enough():
    attempt([name for name in CAPABILITIES if own_bounding_set() & mask([name])])


@pytest.mark.parametrize("name", [name for name in CAPABILITIES if name != "sys_resource"])
def test_each_is_needed(name):
    # Without `kill` the end of what a program has left behind is waited for.
    with pytest.raises((AssertionError, StartFailed, TimeoutError)):
        attempt([other for other in CAPABILITIES if own_bounding_set() & mask([other]) and other != name])
