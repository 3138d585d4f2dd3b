"""Programs that stop at a tool, ask, and go on where they stopped."""

import json
import threading

import pytest
from rounds import go_on, play, request, request_id, results, start, tool

ECHO = [tool("echo", "value")]


def echo(name, given):
    return given


def test_the_program_stays_where_it_is(server):
    code = """
import time
print('first')
open('/tmp/count', 'a').write('x')
file = open('/tmp/count')
before = time.time()
answer = await echo(value='a')
print(answer, time.time() > before, file.read(), open('/tmp/count').read())
"""
    reply = start(server, code, ECHO)
    answer = reply.json
    assert answer["status"] == "tool_call_required"
    assert answer["partial_stdout"] == "first\n"
    assert "partial_stderr" not in answer
    assert answer["tool_calls"] == [{"id": "call_001", "name": "echo", "input": {"value": "a"}}]
    final = go_on(server, answer, results(answer["tool_calls"], echo)).json
    assert final["status"] == "completed"
    assert final["stdout"] == "first\n{'value': 'a'} True x x\n"
    assert final["session_id"] == answer["session_id"]
    assert final["files"] == []


def test_twenty_rounds(server):
    code = "for i in range(20):\n    print(await echo(value=str(i)))\n"
    final, history = play(server, code, ECHO, lambda name, given: given["value"])
    assert final["status"] == "completed"
    assert final["stdout"] == "".join(f"{i}\n" for i in range(20))
    assert [len(calls) for calls in history] == [1] * 20
    assert [calls[0]["id"] for calls in history] == [f"call_{i:03}" for i in range(1, 21)]


def test_a_gather_of_fifty_is_one_round(server):
    code = "print(sum(await asyncio.gather(*[echo(value=str(i)) for i in range(50)])))"
    final, history = play(server, code, ECHO, lambda name, given: int(given["value"]))
    assert final["stdout"] == f"{sum(range(50))}\n"
    assert [len(calls) for calls in history] == [50]


def test_threads_are_one_round(server):
    code = """
import threading
found = []
def work(i):
    found.append(asyncio.run(echo(value=str(i))))
threads = [threading.Thread(target=work, args=(i,)) for i in range(5)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(sorted(found))
"""
    final, history = play(server, code, ECHO, lambda name, given: given["value"])
    assert final["stdout"] == f"{[str(i) for i in range(5)]}\n", final
    assert [len(calls) for calls in history] == [5]


def test_bash_in_parallel_is_one_round(server):
    code = """
set -eu
{ a=$(echo_value '{"value":"a"}'); printf '%s' "$a" > /mnt/data/a.json; } &
{ b=$(other '{"value":"b"}'); printf '%s' "$b" > /mnt/data/b.json; } &
wait
cat /mnt/data/a.json /mnt/data/b.json
echo
echo 'parallel done'
"""
    final, history = play(server, code, [tool("echo-value", "value"), tool("other", "value")],
                          lambda name, given: {"tool": name, **given}, language="bash")
    assert final["status"] == "completed", final
    assert final["stdout"] == ('{"tool":"echo-value","value":"a"}{"tool":"other","value":"b"}\nparallel done\n')
    assert len(history) == 1
    assert sorted((call["name"], call["input"]["value"]) for call in history[0]) == [("echo-value", "a"), ("other", "b")]
    assert sorted(file["name"] for file in final["files"]) == ["a.json", "b.json"]


def test_two_hundred_calls_and_no_more(server):
    code = """
async def one(i):
    return await echo(value=str(i))
print(len(await asyncio.gather(*[one(i) for i in range(200)])))
try:
    await echo(value='one more')
except ToolExecutionError as error:
    print(error)
"""
    final, history = play(server, code, ECHO, echo)
    assert final["stdout"] == "200\nExecution exceeded maximum tool calls (200)\n", final
    assert sum(map(len, history)) == 200


def test_a_result_of_five_megabytes(server):
    code = "text = await echo(value='big')\nprint(len(text), text[:3], text[-3:])"
    final, _ = play(server, code, ECHO, lambda name, given: "a" * 4_999_990)
    assert final["stdout"] == "4999990 aaa aaa\n", final
    bash = "text=$(echo_value '{}'); echo ${#text}"
    final, _ = play(server, bash, [tool("echo_value")], lambda name, given: "b" * 4_999_990, language="bash")
    assert final["stdout"] == "4999992\n", final  # with its quotes


def test_inputs_may_be_as_large_as_the_record(server):
    # 6 MB of them are, 12 MB are not.
    code = """
async def one(i):
    return await echo(value=chr(97 + i) * 500_000)
for i in range(2):
    await asyncio.gather(*[one(i) for i in range(12)])
"""
    answer = start(server, code, ECHO).json
    assert answer["status"] == "tool_call_required", answer
    sent = results(answer["tool_calls"], lambda name, given: given["value"][0])
    assert len(sent) == 12
    second = go_on(server, answer, sent)
    assert second.status == 413
    assert second.json["error"].startswith("Replay state grew too large ("), second


def test_a_failing_tool_can_be_caught(server):
    def fail(name, given):
        raise RuntimeError("no luck")
    final, _ = play(server, "try:\n    await echo(value='')\nexcept ToolExecutionError as e:\n    print('caught', e)",
                    ECHO, fail)
    assert (final["status"], final["stdout"]) == ("completed", "caught no luck\n")
    final, _ = play(server, "print('a')\nawait echo(value='')", ECHO, fail)
    assert final["status"] == "error"
    assert final["error"] == "Sandbox exited with code 1"
    assert final["stdout"] == "a\n"
    assert final["stderr"].rstrip().endswith("ToolExecutionError: no luck"), final
    assert 'line 2, in <module>' in final["stderr"], final
    final, _ = play(server, "x=$(say '{}') || x=fallback; echo $x", [tool("say")], fail, language="bash")
    assert (final["status"], final["stdout"], final["stderr"]) == ("completed", "fallback\n", "no luck\n")


def test_some_of_the_results_are_enough_to_go_on(server):
    code = """
async def one(i):
    print(i, await echo(value=str(i)), flush=True)
await asyncio.gather(one(1), one(2), one(3))
"""
    answer = start(server, code, ECHO).json
    assert [call["id"] for call in answer["tool_calls"]] == ["call_001", "call_002", "call_003"]
    sent = results(answer["tool_calls"], lambda name, given: given["value"])
    second = go_on(server, answer, sent[1:2]).json
    assert second["partial_stdout"] == "2 2\n"
    assert [call["id"] for call in second["tool_calls"]] == ["call_001", "call_003"]
    final = go_on(server, second, [sent[2], sent[0]]).json
    assert final["status"] == "completed"
    assert sorted(final["stdout"].splitlines()) == ["1 1", "2 2", "3 3"]


def test_the_same_results_twice_give_the_same_answer(server):
    code = "print(await echo(value='a'))\nprint(await echo(value='b'))"
    answer = start(server, code, ECHO).json
    sent = results(answer["tool_calls"], echo)
    second = go_on(server, answer, sent)
    again = go_on(server, answer, sent)
    assert second.status == again.status == 200
    assert again.json == second.json
    other = [{**sent[0], "result": "another"}]
    conflict = go_on(server, answer, other)
    assert conflict.status == 409
    assert "different payload; replay history is immutable" in conflict.json["error"]
    last = results(second.json["tool_calls"], echo)
    final = go_on(server, second.json, last)
    assert final.json["stdout"] == "{'value': 'a'}\n{'value': 'b'}\n"
    assert go_on(server, second.json, last).json == final.json


def test_the_clock_stands_while_the_client_works(server):
    # Time passes for the client, and none of the program's second is used up.
    code = "import time\nbefore = time.time()\nawait echo(value='a')\nprint(time.time() - before > 1.5)\nawait echo(value='b')"
    answer = start(server, code, ECHO, timeout=1000).json
    threading.Event().wait(1.6)
    second = go_on(server, answer, results(answer["tool_calls"], echo)).json
    assert second["partial_stdout"] == "True\n", second
    final = go_on(server, second, results(second["tool_calls"], echo)).json
    assert final["status"] == "completed", final


@pytest.mark.parametrize("code, error", [("await echo(value='a')\nwhile True: pass", "Time limit exceeded"),
                                         ("await echo(value='a')\nprint('x' * 100000)", "stdout length exceeded"),
                                         ("await echo(value='a')\nimport sys; sys.exit(7)", "Sandbox exited with code 7"),
                                         ("await echo(value='a')\nimport os; os.kill(os.getpid(), 11)",
                                          "Sandbox exited with code 139")])
def test_ends_that_are_errors(server, code, error):
    final, _ = play(server, code, ECHO, echo, timeout=1000)
    assert (final["status"], final["error"]) == ("error", error)


@pytest.mark.cgroups
def test_running_out_of_memory(server):
    final, _ = play(server, "await echo(value='a')\nx = bytearray(4 << 30)\nfor i in range(0, len(x), 4096): x[i] = 1",
                    ECHO, echo)
    assert final["status"] == "error" and final["error"] in ("Out of memory", "Sandbox exited with code 1"), final


def test_subprocesses_can_call(server):
    code = """
import subprocess, sys
print(subprocess.run([sys.executable, '-c', 'import asyncio, codeapi_tools; '
                      'print(asyncio.run(codeapi_tools.echo(value="sub")))'], capture_output=True, text=True))
"""
    final, _ = play(server, code, ECHO, lambda name, given: given["value"])
    assert "stdout='sub\\n'" in final["stdout"], final


def test_cancel_between_rounds_and_during_one(server):
    headers = request_id()
    body = {"request_id": headers["X-LibreChat-Code-Request-ID"]}
    path = "/v1/exec/programmatic/cancel"
    assert request(server, {}, path=path).status == 400
    assert request(server, {"request_id": "short"}, path=path).status == 400
    assert request(server, body, path=path).json == {"status": "already_completed"}

    held = []
    thread = threading.Thread(target=lambda: held.append(
        start(server, "import time\nopen('/mnt/data/begun.txt', 'w')\ntime.sleep(60)", ECHO, headers=headers, timeout=60000)))
    thread.start()
    # Until it is known; what is asked before that finds nothing to cancel.
    while (reply := request(server, body, path=path)).json["status"] == "already_completed" and thread.is_alive():
        pass
    assert (reply.status, reply.json) == (202, {"status": "cancellation_requested"})
    thread.join()
    assert held[0].status == 200
    assert held[0].json["status"] == "error"
    assert held[0].json["error"] == "Programmatic execution request cancelled"


def test_a_request_id_is_used_by_one_at_a_time(server):
    headers = request_id()
    first = start(server, "await echo(value='a')", ECHO, headers=headers)
    assert first.json["status"] == "tool_call_required"
    final = go_on(server, first.json, results(first.json["tool_calls"], echo), headers=headers)
    assert final.json["status"] == "completed"
    assert start(server, "1", ECHO, headers={"X-LibreChat-Code-Request-ID": "bad id"}).status == 400


def test_the_inputs_and_outputs_of_the_program_are_files(server):
    first = server.exec_("py", "open('in.txt', 'w').write('given')")
    ref = {**first["files"][0], "kind": "user", "resource_id": "x"}
    code = "text = open('/mnt/data/in.txt').read()\nopen('/mnt/data/out.txt', 'w').write(text + str(await echo(value='!')))"
    final, _ = play(server, code, ECHO, lambda name, given: given["value"], files=[ref])
    names = {file["name"]: file for file in final["files"]}
    assert set(names) == {"in.txt", "out.txt"}, final
    assert server.download(names["out.txt"]).body == b"given!"


@pytest.mark.parametrize("input_text", ["[1]", "null", "nonsense", '"text"'])
def test_bash_inputs_must_be_objects(server, input_text):
    final, history = play(server, f"say '{input_text}'; echo after $?", [tool("say")], echo, language="bash")
    assert history == []
    assert "tool input for say must be a JSON object" in final["stderr"], final
    assert final["stdout"] == "after 1\n"


def test_json_values_come_through(server):
    values = [None, True, 7, 7.5, -1e21, "é\u0000\n\"", [], {}, {"a": [1, {"b": None}]}, 2**63 - 1]
    code = "import json\nprint(json.dumps([await echo(value=str(i)) for i in range(%d)]))" % len(values)
    final, _ = play(server, code, ECHO, lambda name, given: values[int(given["value"])])
    assert json.loads(final["stdout"]) == values
    final, _ = play(server, "say", [tool("say")], lambda name, given: {"a": 7.5, "b": [1, "x y"]}, language="bash")
    assert final["stdout"] == '{"a":7.5,"b":[1,"x y"]}'
