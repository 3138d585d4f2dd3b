"""Attack 1: how many processes can there be at once? Every child stays until the end."""
import errno
import os
import signal

made = 0
while True:
    try:
        if os.fork() == 0:
            while True:
                signal.pause()
    except OSError as error:
        print(errno.errorcode[error.errno], made)
        break
    made += 1
