"""Attack 60, the second cell: finds the mark of the first? It is given backwards, so that this is no find."""
import ctypes
import errno
import os
import socket
import sys

mark = sys.argv[1][::-1]
found = []
for directory in ("/tmp", "/dev/shm", "/mnt/data", "/dev/mqueue"):
    if os.path.isdir(directory):
        found += [f"{directory}/{name}" for name in os.listdir(directory) if mark in name]
for entry in os.listdir("/proc"):
    for file in ("cmdline", "comm", "environ", "maps"):
        try:
            with open(f"/proc/{entry}/{file}", "rb") as opened:
                if entry.isdigit() and mark.encode() in opened.read():
                    found.append(f"/proc/{entry}/{file}")
        except OSError:
            pass
try:
    socket.socket(socket.AF_UNIX).connect("\0" + mark)
    found.append("abstract socket")
except OSError as error:
    print("abstract", errno.errorcode[error.errno])
try:
    with open("/proc/net/unix") as file:
        found += ["/proc/net/unix"] if mark in file.read() else []
except OSError:
    pass
libc = ctypes.CDLL(None, use_errno=True)
for name, arguments in (("shmget", (0x636F6465, 0, 0)), ("semget", (0x636F6465, 0, 0)),
                        ("msgget", (0x636F6465, 0))):
    if getattr(libc, name)(*arguments) >= 0:
        found.append(name)
if libc.mq_open(f"/{mark}".encode(), os.O_RDWR) >= 0:
    found.append("mq_open")
for number in range(1, 500000, 1):
    if number > 4096 and number % 64:
        continue
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        continue
    except PermissionError:
        pass
    if number not in (1, os.getpid()):
        found.append(f"pid {number}")
print("found", found)
