"""Plays the client of a program with tools: asks, runs the tools, goes on until the end."""

import json
import uuid

PATH = "/v1/exec/programmatic"


def tool(name, *required, optional=()):
    """A tool with string parameters."""
    return {"name": name, "description": f"the tool {name}",
            "parameters": {"type": "object", "required": list(required),
                           "properties": {parameter: {"type": "string"} for parameter in (*required, *optional)}}}


def start(server, code, tools, language="python", headers=None, **more):
    body = {"code": code, "tools": tools, "lang": language, "timeout": 15000, **more}
    return request(server, body, headers)


def request(server, body, headers=None, path=PATH):
    data = json.dumps(body).encode()
    return server.request("POST", path, data, {"Content-Type": "application/json", **(headers or {})})


def results(calls, run):
    """What the client sends for `calls`; `run(name, input)` returns the result or raises."""
    out = []
    for call in calls:
        try:
            out.append({"call_id": call["id"], "result": run(call["name"], call["input"]), "is_error": False})
        except Exception as error:  # a tool may fail in any way
            out.append({"call_id": call["id"], "result": None, "is_error": True, "error_message": str(error)})
    return out


def go_on(server, answer, sent, headers=None):
    """The next round after `answer` with these results."""
    return request(server, {"continuation_token": answer["continuation_token"], "tool_results": sent}, headers)


def play(server, code, tools, run, language="python", rounds=50, headers=None, **more):
    """The final answer, and every round's calls."""
    reply = start(server, code, tools, language, headers, **more)
    history = []
    while True:
        assert reply.status == 200, reply
        answer = reply.json
        if answer["status"] != "tool_call_required":
            return answer, history
        history.append(answer["tool_calls"])
        assert len(history) <= rounds, "the program does not end"
        reply = go_on(server, answer, results(answer["tool_calls"], run), headers)


def request_id():
    return {"X-LibreChat-Code-Request-ID": str(uuid.uuid4())}
