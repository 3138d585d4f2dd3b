"""Attack 26: a child that keeps both pipes open, and writes when the program has already ended."""
import os
import signal

alive, dies_with_us = os.pipe()
ready, tell = os.pipe()
if os.fork() == 0:
    os.close(dies_with_us)
    os.setsid()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE})
    os.write(tell, b"x")
    os.read(alive, 1)  # returns when the program has ended
    os.write(1, b"late\n")
    while True:
        signal.pause()
os.read(ready, 1)
print("main")
