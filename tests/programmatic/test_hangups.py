"""Clients that leave half-way and come again."""

import json
import socket

from harness import until
from rounds import PATH, go_on, request_id, results, start, tool

ECHO = [tool("echo", "value")]
TWO = "print(await echo(value='a'))\nprint(await echo(value='b'))"


def echo(name, given):
    return given["value"]


def ask_and_leave(server, body, headers=None):
    """Sends a whole request and is gone before there can be an answer."""
    data = json.dumps(body).encode()
    lines = [f"POST {PATH} HTTP/1.1", "Host: codeapi", "Content-Type: application/json", f"Content-Length: {len(data)}",
             *(f"{name}: {value}" for name, value in (headers or {}).items())]
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + data)


def until_free(ask):
    """Asks until the server has noticed that the client before has left. Much sooner than names expire."""
    def answered():
        reply = ask()
        return reply if reply.status != 409 else None
    return until(answered, "the name is free again", seconds=8)


def test_a_continuation_can_be_sent_again_by_who_left_it(server):
    # Wherever in the request the server is when it notices: each time may be another place.
    for _ in range(6):
        answer = start(server, TWO, ECHO).json
        sent = results(answer["tool_calls"], echo)
        ask_and_leave(server, {"continuation_token": answer["continuation_token"], "tool_results": sent})
        second = until_free(lambda: go_on(server, answer, sent))
        assert second.json["status"] == "tool_call_required", second
        assert [call["id"] for call in second.json["tool_calls"]] == ["call_002"]
        final = go_on(server, second.json, results(second.json["tool_calls"], echo)).json
        assert final["stdout"] == "a\nb\n", final


def test_a_request_id_is_free_when_its_client_has_left(server):
    for _ in range(4):
        headers = request_id()
        ask_and_leave(server, {"code": "import time\ntime.sleep(60)", "tools": ECHO, "timeout": 60000}, headers)
        assert until_free(lambda: start(server, "print(1)", ECHO, headers=headers)).json["stdout"] == "1\n"
