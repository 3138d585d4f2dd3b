"""Programs with tools over several processes: any API goes on with them, and a lost worker loses none of them."""

import threading

from harness import until
from rounds import go_on, play, request, request_id, results, start, tool
from test_roles import value

ECHO = [tool("echo", "value")]
CODE = """
import os
print('before', flush=True)
for i in range(3):
    print(i, await echo(value=str(i)), flush=True)
open('/mnt/data/made.txt', 'w').write('made')
"""


class Tools:
    """Counts how often each input was asked for: a tool has its side effects once."""

    def __init__(self):
        self.asked = []

    def __call__(self, name, given):
        self.asked.append(given["value"])
        return "did " + given["value"]


def keeper(stack):
    """The worker in which a program waits for its tools."""
    return until(lambda: next((worker for worker in stack.workers if worker.process.poll() is None
                               and value(worker, "codeapi_waiting_programs") > 0), None), "a worker keeps the program")


def test_each_round_over_another_api(stack):
    one, other = stack.apis
    tools = Tools()
    answer = start(one, CODE, ECHO).json
    for api in (other, one, other):
        assert answer["status"] == "tool_call_required", answer
        answer = go_on(api, answer, results(answer["tool_calls"], tools)).json
    assert answer["status"] == "completed", answer
    assert answer["stdout"] == "before\n0 did 0\n1 did 1\n2 did 2\n"
    assert tools.asked == ["0", "1", "2"]
    assert one.download(answer["files"][0]).body == b"made"


def test_a_worker_killed_between_rounds(stack):
    one, other = stack.apis
    tools = Tools()
    answer = start(one, CODE, ECHO).json
    answer = go_on(one, answer, results(answer["tool_calls"], tools)).json
    assert answer["tool_calls"][0]["id"] == "call_002"
    lost = keeper(stack)
    lost.kill()
    stack.workers.remove(lost)
    lost.destroy()
    stack.add_worker()
    while answer["status"] == "tool_call_required":
        reply = go_on(other, answer, results(answer["tool_calls"], tools))
        assert reply.status == 200, reply
        answer = reply.json
    assert answer["status"] == "completed", answer
    assert answer["stdout"] == "before\n0 did 0\n1 did 1\n2 did 2\n"
    assert tools.asked == ["0", "1", "2"]
    assert other.download(answer["files"][0]).body == b"made"


def test_a_program_that_makes_other_calls_when_it_is_run_again(stack):
    code = "import os\nprint(await echo(value=os.urandom(8).hex()))\nprint(await echo(value='end'))"
    answer = start(stack.apis[0], code, ECHO).json
    answer = go_on(stack.apis[0], answer, results(answer["tool_calls"], Tools())).json
    lost = keeper(stack)
    lost.kill()
    stack.workers.remove(lost)
    lost.destroy()
    stack.add_worker()
    final = go_on(stack.apis[1], answer, results(answer["tool_calls"], Tools())).json
    assert final["status"] == "error" and final["error"] == "Execution failed or timed out"
    assert "run again it did not make the same tool calls" in final["stderr"], final


def test_a_worker_that_is_stopped_gives_its_programs_to_others(stack):
    tools = Tools()
    answer = start(stack.apis[0], CODE, ECHO).json
    left = keeper(stack)
    assert left.stop() == 0, left.log()
    stack.workers.remove(left)
    left.destroy()
    stack.add_worker()
    while answer["status"] == "tool_call_required":
        answer = go_on(stack.apis[1], answer, results(answer["tool_calls"], tools)).json
    assert (answer["status"], tools.asked) == ("completed", ["0", "1", "2"])


def test_cancel_over_the_other_api(stack):
    headers = request_id()
    answers = []
    thread = threading.Thread(target=lambda: answers.append(
        start(stack.apis[0], "import time\ntime.sleep(60)", ECHO, headers=headers, timeout=60000)))
    thread.start()
    body = {"request_id": headers["X-LibreChat-Code-Request-ID"]}
    while request(stack.apis[1], body, path="/v1/exec/programmatic/cancel").status != 202 and thread.is_alive():
        pass
    thread.join()
    assert answers[0].json["error"] == "Programmatic execution request cancelled"
    until(lambda: all(value(worker, "codeapi_active_jobs") == 0 for worker in stack.workers), "nothing runs")


def test_bash_and_many_at_once(stack):
    def one(number, found):
        answer, rounds = play(stack.apis[number % 2], "{ a=$(echo_ '{\"value\":\"a\"}'); echo $a; } & b=$(echo_ '{\"value\":\"b\"}'); wait; echo $b",
                              [tool("echo_", "value")], lambda name, given: given["value"] + str(number), language="bash")
        found[number] = (answer["stdout"], len(rounds) in (1, 2))  # by how busy the machine is
    found = {}
    threads = [threading.Thread(target=one, args=(number, found)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: (f'"a{number}"\n"b{number}"\n', True) for number in range(8)}
