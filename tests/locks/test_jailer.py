"""What the jailer and what it starts have taken from themselves, seen on the running processes."""

import subprocess

from census import named_below, status_of, tree
from harness import clean_environment, command, rootless, until
from table import CAPABILITIES, NUMBERS, mask, own_bounding_set


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
    """Those of cells that are ready: children of the jailer with a number in a namespace of their own."""
    jailer = jailer_of(server)
    return [pid for pid, status in tree(jailer).items()
            if int(status["PPid"]) == jailer and len(status["NSpid"].split()) == 2]


def test_the_jailer_has_the_capabilities_of_the_table_and_no_others(server):
    jailer = jailer_of(server)
    # In a user namespace the kernel gives all there are, whatever was there outside; 31 is setfcap.
    expected = mask(CAPABILITIES) | 1 << 31 if rootless() else mask(CAPABILITIES) & own_bounding_set()
    for which in ("CapPrm", "CapEff", "CapBnd"):
        assert capabilities(jailer, which) == expected, which
    for which in ("CapInh", "CapAmb"):
        assert capabilities(jailer, which) == 0, which


def test_the_jailer_and_all_below_it_are_locked(server):
    server.exec_("bash", "true")
    jailer = jailer_of(server)
    inits = until(lambda: inits_of(server), "the pool has a cell")
    for pid in [jailer, *zygotes_of(server), *inits]:
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
    assert f"the jailer is locked: {11 if rootless() else 10} capabilities, no_new_privs, a system call filter" in done.stdout, done.stdout
