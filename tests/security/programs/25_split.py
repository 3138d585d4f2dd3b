"""Attack 25: characters that the reader, or the limit, may catch in the middle.

Arguments: the stream; "cut" and how many bytes come before the characters; or "slowly", each byte by itself.
"""
import os
import sys

stream = int(sys.argv[1])
if sys.argv[2] == "slowly":
    for byte in "é€😀".encode() * 100:
        os.write(stream, bytes([byte]))
        os.sched_yield()
else:
    rest = b"x" * int(sys.argv[3]) + "😀".encode() * 20000
    while rest:
        rest = rest[os.write(stream, rest):]
