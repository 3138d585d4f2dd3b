"""The capabilities that the jailer says it keeps."""

import os
import re

from census import status_of
from harness import ROOT

CAPABILITIES = re.findall(r'\{CAP_\w+,\s*"(\w+)",',
                          (ROOT / "src" / "jailer" / "jailer_locks.cc").read_text())
# linux/capability.h
NUMBERS = {"chown": 0, "dac_override": 1, "kill": 5, "setgid": 6, "setuid": 7, "setpcap": 8,
           "sys_chroot": 18, "sys_ptrace": 19, "sys_admin": 21, "sys_resource": 24, "mknod": 27}


def mask(names):
    return sum(1 << NUMBERS[name] for name in names)


def own_bounding_set():
    return int(status_of(os.getpid())["CapBnd"], 16)
