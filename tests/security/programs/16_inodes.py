"""Attack 16: a million empty files."""
import errno
import os

made = 0
try:
    for made in range(1_000_000):
        os.close(os.open(f"{made}", os.O_CREAT | os.O_WRONLY))
except OSError as error:
    print(errno.errorcode[error.errno], made)
