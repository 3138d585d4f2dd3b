"""Attack 12: ends in the way that the argument names, to look like another one."""
import ctypes
import os
import resource
import signal
import sys

how = sys.argv[1]
try:
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
except (OSError, ValueError):
    resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
if how.isdigit():
    os._exit(int(how))
if how == "segv":
    ctypes.string_at(0)
os.kill(os.getpid(), getattr(signal, how))
