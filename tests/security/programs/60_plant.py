"""Attack 60, the first of two cells: leaves its mark, the second argument, wherever another might look."""
import ctypes
import os
import socket
import subprocess
import sys

mark = sys.argv[2]
for directory in ("/tmp", "/dev/shm", "/mnt/data"):
    with open(f"{directory}/{mark}", "w") as file:
        file.write(mark)
listener = socket.socket(socket.AF_UNIX)
listener.bind("\0" + mark)
listener.listen(1)
libc = ctypes.CDLL(None, use_errno=True)
libc.shmget(0x636F6465, 4096, 0o1666)
libc.semget(0x636F6465, 1, 0o1666)
libc.msgget(0x636F6465, 0o1666)
libc.mq_open(f"/{mark}".encode(), os.O_CREAT | os.O_RDWR, 0o666, None)
child = subprocess.Popen([mark, "infinity"], executable="/usr/bin/sleep")
wait_for_the_test()  # noqa: F821 (of waiting.PREAMBLE)
child.kill()
