#!/usr/bin/python3
"""seccomp-profiles.py [--check]: writes the containers' system call profiles, deploy/seccomp/*.json, in the format of
Docker and Kubernetes, from the lists of the filters (src/jail/seccomp_calls.h) and what is said here.

codeapi-worker.json is for what makes cells (`serve`, `worker`), codeapi-service.json for every other role. With --check
nothing is written: the exit status is 1 when a file is not what it would be.
"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LISTS = ROOT / "src" / "jail" / "seccomp_calls.h"
DIRECTORY = ROOT / "deploy" / "seccomp"
ENOSYS = 38
# CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET.
NAMESPACES = 0x7E020000
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}

# What programs in cells never need, but a service does: databases and object stores write what must be on the disk.
SERVICE = ["fchmodat2", "membarrier", "prctl", "personality", "arch_prctl", "sched_setaffinity", "sync_file_range"]
# What kJailerPtrace names.
PTRACE = {"TRACEME": 0, "PEEKDATA": 2, "CONT": 7, "DETACH": 17, "SYSCALL": 24, "SETOPTIONS": 0x4200,
          "GET_SYSCALL_INFO": 0x420E}
# The template root, before the jailer locks itself.
TEMPLATE = ["mount_setattr"]


def calls(name):
    """The calls of one list of the header."""
    text = LISTS.read_text()
    found = re.search(rf"{name}\[\] = \{{(.*?)\n\}};", text, re.DOTALL)
    if not found:
        sys.exit(f"{LISTS}: no {name}")
    return re.findall(r'"(\w+)"', re.sub(r"//.*", "", found.group(1)))


def ptrace():
    """One rule for each request of the header's list."""
    found = re.search(r"kJailerPtrace\[\] = \{(.*?)\n\};", LISTS.read_text(), re.DOTALL)
    return [allow(["ptrace"], argument(0, PTRACE[name])) for name in re.findall(r"PTRACE_(\w+)", found.group(1))]


def allow(names, *arguments):
    return {"names": sorted(set(names)), "action": "SCMP_ACT_ALLOW", "args": list(arguments)}


def argument(index, value, operator="SCMP_CMP_EQ", **more):
    return {"index": index, "value": value, **more, "op": operator}


def profile(names, more):
    return {
        # As on a kernel without the call: libraries then do without it.
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": ENOSYS,
        "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": []},
                    {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": []}],
        "syscalls": [allow(names), *(allow(["socket", "socketpair"], argument(0, value)) for value in FAMILIES.values()),
                     *more],
    }


def profiles():
    common = {*calls("kAllowedCalls"), *calls("kAllowedNewCalls"), *SERVICE} - {"socket", "socketpair"}
    cells = {*calls("kJailerCalls"), *calls("kJailerNewCalls"), *TEMPLATE}
    no_namespaces = argument(0, NAMESPACES, "SCMP_CMP_MASKED_EQ", valueTwo=0)
    return {"codeapi-worker.json": profile(common | cells, ptrace()),
            "codeapi-service.json": profile(common - {"clone"}, [allow(["clone"], no_namespaces)])}


def main():
    stale = 0
    for name, content in profiles().items():
        path, text = DIRECTORY / name, json.dumps(content, indent=2) + "\n"
        if "--check" not in sys.argv:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            print(f"{path} is not up to date; run scripts/seccomp-profiles.py", file=sys.stderr)
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main())
