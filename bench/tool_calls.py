"""What one tool call costs a program: the round that ends with the call, and the one that begins with its result."""

import json

PATH = "/v1/exec/programmatic"
TOOLS = [{"name": "echo_value", "parameters": {"type": "object", "properties": {"value": {"type": "string"}}}}]
WORK = {
    "Python": ("python", 'print(await echo_value(value="a"))'),
    "bash": ("bash", """echo_value '{"value":"a"}'; echo"""),
}


def one(ask, work):
    """Milliseconds of the first round and of the second. `ask(path, value)` gives milliseconds and the body."""
    language, code = work
    first, body = ask(PATH, {"lang": language, "code": code, "tools": TOOLS})
    waiting = json.loads(body)
    if waiting["status"] != "tool_call_required" or [call["input"] for call in waiting["tool_calls"]] != [{"value": "a"}]:
        raise RuntimeError(f"a program was answered wrongly: {waiting}")
    second, body = ask(PATH, {"continuation_token": waiting["continuation_token"],
                              "tool_results": [{"call_id": call["id"], "result": 42, "is_error": False}
                                               for call in waiting["tool_calls"]]})
    ended = json.loads(body)
    if (ended["status"], ended["stdout"]) != ("completed", "42\n"):
        raise RuntimeError(f"a program was answered wrongly: {ended}")
    return first, second


def measure(ask, floors, rounds):
    """{name: {what: times}}, taken in turns. `floors[name]()` measures a bare start of the interpreter."""
    times = {name: {"floor": [], "first round": [], "second round": [], "both": []} for name in WORK}
    for name in WORK:
        for _ in range(3):
            floors[name]()
            one(ask, WORK[name])
    for _ in range(rounds):
        for name, work in WORK.items():
            times[name]["floor"].append(floors[name]())
            first, second = one(ask, work)
            times[name]["first round"].append(first)
            times[name]["second round"].append(second)
            times[name]["both"].append(first + second)
    return times
