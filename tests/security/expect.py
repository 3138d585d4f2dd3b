"""What an execution is expected to end with: the four fields of a verdict, and the limits that hold.

What only control groups can give is a function of the server, so that each expectation that depends on them
can be found by its name: a server without them limits otherwise.
"""

from harness import sandbox_line

ENDED = (0, None, None, None)
KILLED_BY_TIME = (137, "SIGKILL", "TO", "Time limit exceeded")
TOO_MUCH_OUTPUT = (137, "SIGKILL", "OL", "stdout length exceeded")
# Processes and threads of one execution, by default.
PROCESSES = 128


def out_of_memory(_server):
    """The verdict on a program that needs more memory than it may have."""
    return 137, "SIGKILL", "SG", "Out of memory"


def cpu_used_up(_server):
    """The verdict on a program whose processes together used up their CPU time."""
    return 137, "SIGKILL", "TO", "CPU time limit exceeded"


def assert_process_limit(_server, made):
    """`made` children of one program, all alive or zombies, are as many as one execution may have."""
    assert PROCESSES - 10 <= made < PROCESSES


def verdict(answer):
    return answer["code"], answer["signal"], answer["status"], answer["message"]


def assert_answer(answer, expected=ENDED, stdout=None):
    """The answer ends as expected, with the one line of the sandbox in stderr that goes with it."""
    assert verdict(answer) == expected, answer
    assert stdout is None or answer["stdout"] == stdout, answer
    assert sandbox_line(answer) == ([expected[3]] if expected[3] else []), answer
