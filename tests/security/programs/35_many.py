"""Attack 35: as many tiny outputs as the work directory takes, made in no order."""
import errno
import os

made = 0
try:
    for n in range(100_000):
        name = f"{n * 7919 % 100_000:05}.txt"
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
        made += 1
except OSError as error:
    print(errno.errorcode[error.errno], made)
