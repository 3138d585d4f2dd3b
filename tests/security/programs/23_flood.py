"""Attack 23: writes for ever to the streams that the arguments name."""
import os
import sys

block = b"0123456789abcde\n" * 4096
while True:
    for stream in sys.argv[1:]:
        os.write(int(stream), block)
