"""What a program may know of the machine (54, 59)."""

import ctypes
import os
import secrets
import socket

import pytest
from attack import attack, outcomes
from expect import ENDED, verdict

ATTACKS = {
    54: ("Reading whatever can be read",
         "a root of its own, own processes only in `/proc`, the kernel's tell-tales covered, a clean "
         "environment"),
    59: ("Timing, speculation, counters",
         "asked for: `PR_SPEC_FORCE_DISABLE` of store bypass and indirect branches; counters refused."
         " Nothing is claimed: clocks, caches and shared hardware remain"),
}

UNREADABLE = ["/proc/1/environ", "/proc/1/maps", "/proc/1/mem", "/proc/1/fd", "/proc/1/cwd/etc/passwd",
              "/proc/1/root/etc/passwd", "/proc/kallsyms", "/proc/config.gz", "/proc/kcore", "/proc/kmsg",
              "/proc/cmdline",
              "/proc/cgroups", "/proc/modules", "/proc/keys", "/etc/shadow", "/etc/resolv.conf",
              "/sys/class/dmi/id/product_name", "/dev/kmsg", "/dev/mem", "/root/.ssh/id_rsa"]


def hidden(needle):
    """How a needle is handed to the program that looks for it."""
    return needle.encode()[::-1].hex()


def host_file(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


@pytest.fixture(scope="module")
def with_secrets(make_module_server):
    canary, key = (secrets.token_hex(16) for _ in range(2))
    it = make_module_server({"CODEAPI_TEST_CANARY": canary, "AWS_SECRET_ACCESS_KEY": key})
    it.secrets = {"canary": canary, "key": key}
    return it


def test_54_nothing_of_the_host_can_be_read(with_secrets):
    it = with_secrets
    # Other people's code and data, which must not be readable either.
    other = "other-" + secrets.token_hex(12)
    it.exec_("bash", f"echo {other} > {other}.txt; cp {other}.txt /tmp")
    needles = {**it.secrets, "data directory": str(it.directory), "other program": other,
               "machine id": host_file("/etc/machine-id"), "kernel command line": host_file("/proc/cmdline")}
    needles = {name: needle for name, needle in needles.items() if len(needle) >= 8}
    answer = attack(it, "54_read_everything.py", [hidden(needle) for needle in needles.values()],
                    beside=False)
    assert verdict(answer) == ENDED and answer["stderr"] == "", answer
    lines = answer["stdout"].splitlines()
    found = [line for line in lines if line.startswith("FOUND")]
    assert not found, (found, list(needles))
    facts = dict(line.split(" ", 1) for line in lines)
    assert int(facts["read"]) > 50, "the program read next to nothing: then it proves nothing"
    readable = {path: facts[path] for path in UNREADABLE if facts[path].isdigit() and facts[path] != "0"}
    assert not readable
    assert facts["nodename"] != socket.gethostname()
    assert facts["cgroups"] in ("['/']", "[]")
    assert facts["pids"] in ("[]", "[1]")


def speculation_of_the_strict():
    """What the kernel of this machine says of a process that asks for all the protection there is."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        libc = ctypes.CDLL(None)
        for kind in (0, 1):  # store bypass, indirect branch
            libc.prctl(53, kind, 8, 0, 0)  # PR_SET_SPECULATION_CTRL, PR_SPEC_FORCE_DISABLE
        with open("/proc/self/status", "rb") as file:
            os.write(write, b"".join(line for line in file if line.startswith(b"Speculation")))
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as file:
        text = file.read()
    os.waitpid(pid, 0)
    return {name: value.strip() for name, value in (line.split(":") for line in text.splitlines())}


def test_59_what_is_asked_for_is_there_and_no_more_is_claimed(server):
    found = outcomes(attack(server, "59_side_channels.c"))
    expected = speculation_of_the_strict()
    assert {name: found.pop(name) for name in list(found) if name.startswith("Speculation")} == expected
    assert (found.pop("perf"), found.pop("perf.software")) == ("EPERM", "EPERM")
    assert found == {"perf_device": "ENOENT", "msr": "ENOENT", "pagemap_of_init": "ENOENT", "frame": "0"}
