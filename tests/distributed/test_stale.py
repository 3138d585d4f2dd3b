"""A worker that was taken for dead comes back with a program that has gone on elsewhere."""

import signal

import pytest
from harness import Api, Worker, until
from rounds import go_on, results, start, tool

ECHO = [tool("echo", "value")]
ONE_BY_ONE = "for i in range(3):\n    print(i, await echo(value=str(i)), flush=True)"


@pytest.fixture
def few(stack):
    """An API, and a function that adds a worker, with a queue of their own whose leases are short."""
    settings = {**stack.shared(), "CODEAPI_REDIS_PREFIX": "stale:", "CODEAPI_QUEUE_LEASE": "2s"}
    made = []

    def add(kind):
        made.append(kind(settings))
        return made[-1].start()

    yield add
    for process in reversed(made):
        process.destroy()


def test_a_program_that_is_behind_is_not_asked(few):
    asked = []

    def run(name, given):
        asked.append(given["value"])
        return "did " + given["value"]

    first, api = few(Worker), few(Api)
    answer = start(api, ONE_BY_ONE, ECHO).json
    first.process.send_signal(signal.SIGSTOP)
    try:
        second = few(Worker)
        # Its job is directed at the worker that hangs, until that is taken for dead.
        answer = go_on(api, answer, results(answer["tool_calls"], run)).json
        assert answer["tool_calls"][0]["id"] == "call_002", answer
    finally:
        first.process.send_signal(signal.SIGCONT)
    until(lambda: first.get("/ready").status == 200, "it is back")
    second.kill()
    while answer["status"] == "tool_call_required":
        assert len(asked) < 3, f"asked again: {answer}"
        answer = go_on(api, answer, results(answer["tool_calls"], run)).json
    assert answer["status"] == "completed", answer
    assert answer["stdout"] == "0 did 0\n1 did 1\n2 did 2\n"
    assert asked == ["0", "1", "2"]
