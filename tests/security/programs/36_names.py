"""Attack 36: names that mean something to somebody on their way. stdin has them, in hexadecimal, one a line.

Each file holds its own name in hexadecimal. Prints what could not be made.
"""
import errno
import os
import sys

for line in sys.stdin.read().split("\n"):
    name = bytes.fromhex(line)
    try:
        if 0 < name.count(b"/") < 10 and not name.startswith((b"/", b"..")) and not name.endswith(b"/"):
            os.makedirs(os.path.dirname(name), exist_ok=True)
        with open(name, "x") as file:
            file.write(line)
    except (OSError, ValueError) as error:
        print(line, errno.errorcode[error.errno] if isinstance(error, OSError) else "ValueError")
