#!/usr/bin/python3
"""port-owner.py HOST PORT: exit 0 and silence if the TCP port is free to listen on, else 1 and who has it."""

import errno
import os
import pathlib
import socket
import sys


def listening_inodes(port):
    """Socket inodes that listen on the port, in IPv4 or IPv6."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = pathlib.Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rsplit(":", 1)[1], 16) == port:
                yield fields[9]


def holders(inodes):
    """`name (pid N)` of every process that has one of the sockets open, as far as we may look."""
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if any(os.readlink(fd) in wanted for fd in (process / "fd").iterdir()):
                yield f"{(process / 'comm').read_text().strip()} (pid {process.name})"
        except OSError:
            continue  # it ended while we looked, or is not ours to see


def main(host, port):
    with socket.socket() as probe:
        # As servers do, so that connections of a server that has just stopped do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
            return 0
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                print(error.strerror)
                return 1
    print("taken by " + (", ".join(sorted(holders(listening_inodes(port)))) or "a process that cannot be seen"))
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
