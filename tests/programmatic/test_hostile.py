"""Programs that abuse the tools' socket, and what is done beside a call that waits."""

import pytest
from rounds import go_on, play, results, start, tool

ECHO = [tool("echo", "value")]
SOCKET = r"""
import os, socket, struct, threading, time
def connect():
    peer = socket.socket(socket.AF_UNIX)
    peer.connect("\0codeapi-tools")
    return peer
def ask(data):
    peer = connect()
    peer.send(struct.pack("<II", len(data), 7) + data)
    return peer
"""


def echo(name, given):
    return given.get("value", "x" * 4_900_000)


@pytest.mark.parametrize("code", [
    "held = [connect() for _ in range(200)]\nfor peer in held: peer.send(b'\\xff')",
    "held = [connect() for _ in range(100)]\nfor peer in held: peer.send(struct.pack('<II', 1_000_000, 1) + b'0')",
    "for _ in range(1000):\n    connect().close()",
    "for _ in range(3):\n    peer = ask(b'0\\0{}')\n    peer.recv(10)\n    peer.close()",
    "held = [ask(b'0\\0{}') for _ in range(4)]",
    "for i in range(30):\n    if os.fork() == 0:\n        ask(b'0\\0{\"value\":\"%d\"}' % i).recv(9)\n        os._exit(0)",
], ids=["begun frames", "half requests", "comers and goers", "half read results", "results not read", "processes"])
def test_others_are_answered_all_the_same(server, code):
    final, _ = play(server, f"{SOCKET}{code}\nprint(await echo(value='a'))", ECHO, echo)
    assert (final["status"], final["stdout"]) == ("completed", "a\n"), final


def test_what_is_no_request_ends_the_connection_and_nothing_else(server):
    code = SOCKET + r"""
for bad in [b"", b"0{}", b"\0{}", b"-1\0{}", b"100\0{}", b"0x\0{}"]:
    print(ask(bad).recv(10))
peer = connect()
peer.send(struct.pack("<II", 1 << 31, 1))
print(peer.recv(10))
"""
    final, history = play(server, code, ECHO, echo)
    assert history == []
    assert final["stdout"] == "b''\n" * 7, final


@pytest.mark.parametrize("text", [b"[]", b"", b"\xff", b'{"a":"\xff"}', b"{}\0", b"{} {}", b'{"a":' + b"[" * 100_000])
def test_what_is_no_object_is_refused(server, text):
    expected = "2tool input must be a JSON object"
    final, history = play(server, f"{SOCKET}print(ask(b'0\\0' + {text!r}).recv(100)[8:].decode())", ECHO, echo)
    assert history == []
    assert final["stdout"] == expected + "\n", final


def test_a_tool_that_there_is_not(server):
    reply = start(server, SOCKET + r"ask(b'99\0{}').recv(9)", ECHO)
    assert reply.json["error"] == "Sandbox requested an unregistered tool: 99", reply


@pytest.mark.cgroups
@pytest.mark.parametrize("meanwhile", [
    "while True:\n        try: os.fork()\n        except OSError: pass",
    "kept = []\n    while True: kept.append(os.urandom(8 << 20))",
    "while True: pass",
], ids=["fork bomb", "memory", "cpu"])
def test_who_is_left_beside_a_bomb_costs_nobody_anything(make_server, meanwhile):
    server = make_server({"CODEAPI_MAX_WAITING_PROGRAMS": 1})
    code = f"{SOCKET}def bomb():\n    {meanwhile}\nthreading.Thread(target=bomb, daemon=True).start()\nawait echo(value='')"
    for _ in range(3):
        reply = start(server, code, ECHO)
        # It may be too late for the call; then the end is an honest one.
        assert reply.json["status"] in ("tool_call_required", "error"), reply
    # The one program that may wait is another now, and when that has ended there is nothing left.
    answer = start(server, "print(await echo(value='a'))", ECHO).json
    final = go_on(server, answer, results(answer["tool_calls"], echo)).json
    assert final["stdout"] == "a\n", final
    server.census.assert_idle()
