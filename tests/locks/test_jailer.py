"""What the jailer and what it starts have taken from themselves, seen on the running processes; and that it is no more
than what cells need."""

import os
import re
import subprocess

import pytest
from census import named_below, status_of
from harness import (ROOT, Server, StartFailed, binary, by_name, clean_environment, command, reference, rootless,
                     until)

CAPABILITIES = re.findall(r'\{CAP_\w+,\s*"(\w+)",',
                          (ROOT / "src" / "jailer" / "jailer_locks.cc").read_text())
# linux/capability.h
NUMBERS = {"chown": 0, "dac_override": 1, "kill": 5, "setgid": 6, "setuid": 7, "setpcap": 8,
           "sys_chroot": 18, "sys_ptrace": 19, "sys_admin": 21, "sys_resource": 24, "mknod": 27}


def mask(names):
    return sum(1 << NUMBERS[name] for name in names)


def own_bounding_set():
    return int(status_of(os.getpid())["CapBnd"], 16)


def capabilities(pid, which):
    return int(status_of(pid)[which], 16)


def test_the_table_was_read():
    assert len(CAPABILITIES) == 10 and set(CAPABILITIES) < set(NUMBERS)


def jailer_of(server):
    jailer, = named_below(server.process.pid, "codeapi-jailer")
    return jailer


def zygotes_of(server):
    jailer = jailer_of(server)
    return [pid for pid in named_below(jailer, "python3") if int(status_of(pid)["PPid"]) == jailer]


def inits_of(server):
    return named_below(jailer_of(server), "codeapi-init") or named_below(jailer_of(server), "init")


def test_the_jailer_has_the_capabilities_of_the_table_and_no_others(server):
    jailer = jailer_of(server)
    # In a user namespace the kernel gives all there are, whatever was there outside.
    expected = mask(CAPABILITIES) if rootless() else mask(CAPABILITIES) & own_bounding_set()
    for which in ("CapPrm", "CapEff", "CapBnd"):
        assert capabilities(jailer, which) == expected, which
    for which in ("CapInh", "CapAmb"):
        assert capabilities(jailer, which) == 0, which


def test_the_jailer_and_all_below_it_are_locked(server):
    server.exec_("bash", "true")
    jailer = jailer_of(server)
    everyone = [jailer, *zygotes_of(server), *inits_of(server)]
    assert len(everyone) > 1
    for pid in everyone:
        status = status_of(pid)
        assert status["NoNewPrivs"].strip() == "1", status
        assert status["Seccomp"].strip() == "2" and int(status["Seccomp_filters"]) == 1, status


def test_nothing_below_it_has_a_capability_that_it_has_not(server):
    jailer = jailer_of(server)
    for pid in zygotes_of(server):
        assert capabilities(pid, "CapBnd") & ~capabilities(jailer, "CapBnd") == 0
    if not rootless():
        for pid in inits_of(server):
            assert capabilities(pid, "CapBnd") & ~capabilities(jailer, "CapBnd") == 0


def test_doctor_says_so():
    done = subprocess.run(command("doctor"), env=clean_environment(CODEAPI_ROOT="host", HOME="/tmp"), text=True,
                          capture_output=True, timeout=120, check=False)
    assert "the jailer is locked: 10 capabilities, no_new_privs, a system call filter" in done.stdout, done.stdout


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


needs_root = pytest.mark.skipif(os.geteuid() != 0 or rootless(), reason="root's own capabilities are given and taken")


def attempt(names):
    it = Bounded(names)
    try:
        it.start()
        works(it)
        assert it.stop() == 0
    finally:
        it.destroy()


@needs_root
def test_they_are_enough():
    attempt([name for name in CAPABILITIES if own_bounding_set() & mask([name])])


@needs_root
@pytest.mark.parametrize("name", [name for name in CAPABILITIES if name != "sys_resource"])
def test_each_is_needed(name):
    # Without `kill` the end of what a program has left behind is waited for.
    with pytest.raises((AssertionError, StartFailed, TimeoutError)):
        attempt([other for other in CAPABILITIES if own_bounding_set() & mask([other]) and other != name])
