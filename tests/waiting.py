"""A program that stops inside its cell until the test lets it go on: no test has to guess when it runs."""

import json
import os
import secrets
import signal

import census
from harness import Reply, until

# The name is set when the signal is already blocked, so whoever sees the name may send the signal.
PREAMBLE = """
import ctypes, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
def wait_for_the_test():
    ctypes.CDLL(None).prctl(15, sys.argv[1].encode(), 0, 0, 0)
    signal.sigwait({signal.SIGUSR1})
"""


class Waiting:
    """One running execution of a Python program that calls wait_for_the_test(). `pid` is the host's.

    The program's own arguments, `args`, begin at sys.argv[2].
    """

    def __init__(self, server, code="wait_for_the_test()\nprint('released')", args=(), **body):
        self.name = "w-" + secrets.token_hex(6)
        self.connection = server.connect()
        body = {"lang": "py", "code": PREAMBLE + code, "args": [self.name, *args], **body}
        self.connection.request("POST", "/v1/exec", json.dumps(body), {"Content-Type": "application/json"})
        self.pid = until(lambda: census.named(self.name), "the program waits in its cell")
        self.started = census.start_time(self.pid)

    def release(self):
        os.kill(self.pid, signal.SIGUSR1)

    def reply(self):
        """The answer to the request; waits for it."""
        response = self.connection.getresponse()
        reply = Reply(response.status, response.headers, response.read())
        self.connection.close()
        return reply

    def hang_up(self):
        self.connection.close()

    def gone(self):
        """Whether the program's process has ended."""
        return census.start_time(self.pid) != self.started
