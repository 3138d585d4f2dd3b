"""Connections: keep-alive, many at once, clients that hang up, health."""

import socket
import threading

import pytest
from harness import ANSWER_SECONDS, until
from waiting import Waiting


def test_health(server):
    reply = server.get("/v1/health")
    assert (reply.status, reply.body.strip()) == (200, b"OK")


def test_head_of_health(server):
    reply = server.request("HEAD", "/v1/health")
    assert (reply.status, reply.body) == (200, b"")


def test_keep_alive(server):
    connection = server.connect()
    connection.connect()
    first = connection.sock
    for number in range(5):
        assert server.exec_("bash", f"echo {number}", connection=connection)["stdout"] == f"{number}\n"
    assert server.post(b"{", connection=connection).status == 400
    assert server.get("/v1/nothing", connection=connection).status == 404
    assert server.exec_("bash", "echo last", connection=connection)["stdout"] == "last\n"
    assert connection.sock is first, "the server closed the connection in between"
    connection.close()


def test_connection_close_is_honoured(server):
    reply = server.request("GET", "/v1/health", headers={"Connection": "close"})
    assert reply.headers["Connection"].lower() == "close"


def test_header_names_in_any_case(server):
    body = b'{"lang":"bash","code":"echo yes"}'
    for name in ("content-type", "Content-Type", "CONTENT-TYPE"):
        reply = server.request("POST", "/v1/exec", body, {name: "application/json"})
        assert reply.json["stdout"] == "yes\n"


def test_many_at_once(server):
    answers = {}

    def run(number):
        lang, code = [("bash", "read n; echo $n; echo $n > n.txt"),
                      ("py", "n = input(); print(n); print(n, file=open('n.txt', 'w'))")][number % 2]
        answers[number] = server.exec_(lang, code, stdin=f"{number}\n")

    threads = [threading.Thread(target=run, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == list(range(24))
    assert len({answer["session_id"] for answer in answers.values()}) == 24
    for number, answer in answers.items():
        assert (answer["stdout"], answer["stderr"], answer["code"]) == (f"{number}\n", "", 0)
        assert server.download(answer["files"][0]).body == f"{number}\n".encode()


def test_programs_really_run_at_the_same_time(server):
    waiting = [Waiting(server) for _ in range(4)]
    for one in waiting:
        one.release()
    assert [one.reply().json["stdout"] for one in waiting] == ["released\n"] * 4


@pytest.fixture(scope="module")
def one_slot(make_module_server):
    return make_module_server({"SANDBOX_MAX_CONCURRENT_JOBS": 1})


def test_hang_up_kills_the_program(one_slot):
    first = Waiting(one_slot, "import time\nwait_for_the_test()\ntime.sleep(25)", timeout=25000)
    first.hang_up()
    # With one slot, this answer can only come before the first program's own 25 s when that was killed.
    assert one_slot.exec_("bash", "echo second", timeout_s=20)["stdout"] == "second\n"
    until(first.gone, "the program of the client that hung up is dead")
    one_slot.census.assert_idle()


def test_hang_up_while_waiting_for_a_slot(one_slot):
    first = Waiting(one_slot)
    second = one_slot.connect()
    second.request("POST", "/v1/exec", b'{"lang":"bash","code":"sleep 25"}',
                   {"Content-Type": "application/json"})
    second.close()
    first.release()
    assert first.reply().json["stdout"] == "released\n"
    assert one_slot.exec_("bash", "echo third", timeout_s=20)["stdout"] == "third\n"


def test_a_queue_in_front_of_one_slot_keeps_every_request(one_slot):
    first = Waiting(one_slot)
    answers = []
    threads = [threading.Thread(target=lambda n=n: answers.append(one_slot.exec_("bash",
                                                                                 f"echo {n}")["stdout"]))
               for n in range(8)]
    for thread in threads:
        thread.start()
    first.release()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [f"{n}\n" for n in range(8)]
    assert first.reply().json["stdout"] == "released\n"


def test_full_queue_is_refused_at_once(make_server):
    it = make_server({"SANDBOX_MAX_CONCURRENT_JOBS": 1, "CODEAPI_QUEUE_MAX": 1})
    first = Waiting(it)
    replies = []
    threads = [threading.Thread(target=lambda: replies.append(it.post({"lang": "bash", "code": "echo ran"})))
               for _ in range(6)]
    for thread in threads:
        thread.start()
    until(lambda: any(reply.status == 503 for reply in replies),
          "somebody is refused while the slot is taken")
    refused = [reply for reply in replies if reply.status == 503][0]
    assert refused.json["error"] == "queue_full" and int(refused.headers["Retry-After"]) >= 1
    first.release()
    for thread in threads:
        thread.join()
    assert first.reply().status == 200
    assert {reply.status for reply in replies} == {200, 503}
    assert all(reply.json["stdout"] == "ran\n" for reply in replies if reply.status == 200)


def test_client_that_sends_half_a_request_and_leaves(server):
    for part in (b"", b"POST /v1", b"POST /v1/exec HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                                    b"Content-Length: 100\r\n\r\n{\"lang\":"):
        with socket.create_connection(("127.0.0.1", server.port), timeout=ANSWER_SECONDS) as connection:
            connection.sendall(part)
    assert server.exec_("bash", "echo fine")["stdout"] == "fine\n"


@pytest.mark.parametrize("request_bytes", [
    b"nonsense\r\n\r\n",
    b"POST /v1/exec HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    b"POST /v1/exec HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"])
def test_ambiguous_request_is_refused_and_the_connection_closed(server, request_bytes):
    with socket.create_connection(("127.0.0.1", server.port), timeout=ANSWER_SECONDS) as connection:
        connection.sendall(request_bytes)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    assert answer.split(b" ", 2)[1] == b"400"
    assert answer.count(b"HTTP/1.1 ") == 1
