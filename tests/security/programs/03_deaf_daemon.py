"""Attack 3: a daemon that blocks and ignores every signal it can, and belongs to init."""
import os
import signal

ready, tell = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() != 0:
        os._exit(0)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    os.write(tell, str(os.getpid()).encode())
    while True:
        signal.sigwait(signal.valid_signals())
os.wait()
daemon = int(os.read(ready, 20))
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
    os.kill(daemon, number)
os.kill(daemon, 0)
print("daemon runs")
