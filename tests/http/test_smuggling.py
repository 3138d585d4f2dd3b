"""Requests that two readers would read in two ways, against every role that speaks HTTP.

Behind each stands a second request, which must never be answered: the first is refused, the connection ends, and the next
one on another connection is answered right. What is merely strange is answered right, and so is what follows it on the same
connection.
"""

import concurrent.futures
import threading

import pytest
from roles import HOST, INTERNAL
from wire import Wire

AMBIGUOUS = (400, b"Ambiguous message length")
LENGTH = (400, b"Invalid Content-Length")
ENCODING = (501, b"Unsupported Transfer-Encoding")
MALFORMED = (400, b"Malformed request")
TARGET = (400, b"Malformed request target")
VERSION = (400, b"Unsupported HTTP version")
BAD_HOST = (400, b"Malformed Host")
LARGE = (431, b"Request header too large")


def refused(role, data, expected, behind=None):
    """Sends `data` and a request behind it: one answer, the end, and nothing harmed."""
    with Wire(role.port) as wire:
        wire.send(data + (role.probe() if behind is None else behind))
        answer = wire.answer()
        assert (answer.status, answer.body) == (expected[0], b'{"error":"' + expected[1] + b'"}'), answer
        assert answer.header("Connection") == "close", answer
        assert wire.ended(), wire.buffer
    alive(role)


def alive(role):
    with Wire(role.port) as wire:
        role.assert_post(wire.send(role.post()).answer())
        role.assert_probe(wire.send(role.probe()).answer())


# -- where a message ends ----------------------------------------------------------------------------

@pytest.mark.parametrize("fields,expected", [
    (b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", AMBIGUOUS),
    (b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n", AMBIGUOUS),
    (b"Content-Length: 0\r\nTransfer-Encoding: xchunked\r\n", AMBIGUOUS),
    (b"content-length: 0\r\ntransfer-ENCODING: CHUNKED\r\n", AMBIGUOUS),
    (b"Content-Length: 0\r\nContent-Length: 0\r\n", AMBIGUOUS),
    (b"Content-Length: 0\r\nContent-Length: 40\r\n", AMBIGUOUS),
    (b"Content-Length: 0\r\nA: b\r\nCONTENT-LENGTH: 40\r\n", AMBIGUOUS),
    (b"Content-Length: 0, 40\r\n", AMBIGUOUS),
    (b"Content-Length: 0 40\r\n", AMBIGUOUS),
    (b"Content-Length: -1\r\n", AMBIGUOUS),
    (b"Content-Length: +0\r\n", AMBIGUOUS),
    (b"Content-Length: 0x0\r\n", AMBIGUOUS),
    (b"Content-Length: 0;q=1\r\n", AMBIGUOUS),
    (b"Content-Length: 1e1\r\n", AMBIGUOUS),
    (b"Content-Length: \"0\"\r\n", AMBIGUOUS),
    (b"Content-Length:\r\n", AMBIGUOUS),
    (b"Content-Length: 18446744073709551616\r\n", AMBIGUOUS),
    (b"Content-Length: 99999999999999999999999999999999\r\n", AMBIGUOUS),
    (b"Transfer-Encoding: xchunked\r\n", ENCODING),
    (b"Transfer-Encoding: chunked, identity\r\n", ENCODING),
    (b"Transfer-Encoding: identity, chunked\r\n", ENCODING),
    (b"Transfer-Encoding: chunked, chunked\r\n", ENCODING),
    (b"Transfer-Encoding: chunked,\r\n", ENCODING),
    (b"Transfer-Encoding: ,chunked\r\n", ENCODING),
    (b"Transfer-Encoding: \"chunked\"\r\n", ENCODING),
    (b"Transfer-Encoding: chunked;q=1\r\n", ENCODING),
    (b"Transfer-Encoding: chunk\r\n", ENCODING),
    (b"Transfer-Encoding: gzip\r\n", ENCODING),
    (b"Transfer-Encoding: identity\r\n", ENCODING),
    (b"Transfer-Encoding:\r\n", ENCODING),
    (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", AMBIGUOUS),
    (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", AMBIGUOUS),
    (b"Transfer-Encoding: \x0bchunked\r\n", MALFORMED),
    (b"Transfer-Encoding: chunked\0\r\n", MALFORMED),
    (b"Transfer-Encoding\x0b: chunked\r\n", MALFORMED),
    (b"Transfer-Encoding : chunked\r\n", MALFORMED),
    (b"Content-Length\t: 0\r\n", MALFORMED),
    (b"Content Length: 0\r\n", MALFORMED),
    (b" Content-Length: 0\r\n", MALFORMED),
    (b"Transfer-Encoding:\r\n chunked\r\n", MALFORMED),
    (b"Content-Length:\r\n\t0\r\n", MALFORMED),
    (b"X-A: b\r\n Content-Length: 40\r\nContent-Length: 0\r\n", MALFORMED),
    (b"X-A: b\nContent-Length: 40\r\nContent-Length: 0\r\n", MALFORMED),
    (b"X-A: b\rContent-Length: 40\r\nContent-Length: 0\r\n", MALFORMED),
    (b"X-A: b\0\r\nContent-Length: 0\r\n", MALFORMED),
    (b"X\0A: b\r\nContent-Length: 0\r\n", MALFORMED),
    (b": b\r\nContent-Length: 0\r\n", MALFORMED),
    (b"no colon\r\nContent-Length: 0\r\n", MALFORMED),
    (b"Content-Length: 0\n\r\n", MALFORMED)], ids=repr)
def test_69_a_message_of_unclear_length(role, fields, expected):
    refused(role, role.head(fields) + b"\r\n0\r\n\r\n", expected)


def test_69_chunked_before_http_1_1(role):
    refused(role, role.head(b"Transfer-Encoding: chunked\r\n", b"HTTP/1.0") + b"\r\n0\r\n\r\n",
            (400, b"Transfer-Encoding needs HTTP/1.1"))


@pytest.mark.parametrize("name", [b"Content_Length", b"Content-Length-", b"X-Content-Length", b"Transfer_Encoding"])
def test_69_a_name_that_is_only_similar_frames_nothing(role, name):
    """The request has no body: what would be one is the next request."""
    with Wire(role.port) as wire:
        wire.send(b"GET " + role.probe_target + b" HTTP/1.1\r\n" + HOST + name + b": 4000\r\n\r\n" + role.probe())
        for _ in range(2):
            role.assert_probe(wire.answer())


@pytest.mark.parametrize("fields", [b"Content-Length:\t%d \t\r\n", b"content-length:%d\r\n", b"Content-Length: 000000000000000000000%d\r\n",
                                    b"Connection: Content-Length\r\nContent-Length: %d\r\n"], ids=repr)
def test_69_a_length_in_strange_clothes_is_still_that_length(role, fields):
    with Wire(role.port) as wire:
        wire.send(role.head(fields % len(role.body)) + b"\r\n" + role.body + role.probe())
        role.assert_post(wire.answer())
        role.assert_probe(wire.answer())


@pytest.mark.parametrize("length", [(1 << 62) + 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 2, (1 << 64) - 1])
def test_69_a_length_that_overflows(role, length):
    refused(role, role.head(b"Content-Length: %d\r\n" % length) + b"\r\n", LENGTH)


# -- chunks ------------------------------------------------------------------------------------------

def chunked(role, body):
    return role.head(b"Transfer-Encoding: chunked\r\n") + b"\r\n" + body


def pieces(role, extension=b"", trailer=b""):
    """The role's own body in two chunks."""
    half = len(role.body) // 2
    parts = [role.body[:half], role.body[half:]]
    return b"".join(b"%x%s\r\n%s\r\n" % (len(part), extension, part) for part in parts if part) + b"0\r\n" + trailer + b"\r\n"


@pytest.mark.parametrize("extension,trailer", [
    (b"", b""), (b";a", b""), (b";a=b;c=\"d\"", b""), (b" ;a", b""), (b"", b"X-Sum: 1\r\n"),
    (b";GET", b""), (b"", b"X-CodeAPI-Internal-Token: x\r\n"), (b"", b"Host: other\r\n")], ids=repr)
def test_69_chunks_are_put_together(role, extension, trailer):
    """Trailers change nothing: neither the host nor who asks."""
    with Wire(role.port) as wire:
        wire.send(chunked(role, pieces(role, extension, trailer)))
        role.assert_post(wire.answer())
        if role.name == "worker":  # it does not read a body of unknown length only to go on
            assert wire.ended()
        else:
            role.assert_probe(wire.send(role.probe()).answer())


@pytest.mark.parametrize("body", [
    b"fffffffffffffffff\r\nx\r\n0\r\n\r\n", b"ffffffffffffffff\r\nx\r\n0\r\n\r\n", b"10000000000000001\r\nx\r\n0\r\n\r\n",
    b"-1\r\nx\r\n0\r\n\r\n", b"+1\r\nx\r\n0\r\n\r\n", b"0x1\r\nx\r\n0\r\n\r\n", b" 1\r\nx\r\n0\r\n\r\n", b"1 \r\nx\r\n0\r\n\r\n",
    b"g\r\nx\r\n0\r\n\r\n", b"\r\nx\r\n0\r\n\r\n", b"1\nx\n0\n\n", b"1\r\nx0\r\n\r\n", b"1\r\nx\n0\r\n\r\n", b"1\r\nxy\r\n0\r\n\r\n",
    b"2\r\nx\r\n0\r\n\r\n", b"1;a\rb\r\nx\r\n0\r\n\r\n", b"1;a\nb\r\nx\r\n0\r\n\r\n", b"1;a\0b\r\nx\r\n0\r\n\r\n", b"1;a=\"\r\n\"\r\nx\r\n0\r\n\r\n",
    b"1\r\nx\r\n0\r\nContent-Length: 5\r\n\r\n", b"1\r\nx\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"1\r\nx\r\n0\r\nno colon\r\n\r\n", b"1\r\nx\r\n0\r\n\n", b"1\r\nx\r\n00;\n\r\n",
    b"1;" + b"e" * 300_000 + b"\r\nx\r\n0\r\n\r\n", (b"1;" + b"e" * 900 + b"\r\nx\r\n") * 100 + b"0\r\n\r\n",
    b"1\r\nx\r\n0\r\n" + b"X-T: y\r\n" * 9000 + b"\r\n"], ids=lambda body: repr(body[:40]))
def test_69_chunks_that_are_none(role, body):
    """The one answer says no, and nothing behind the broken chunks is a request."""
    with Wire(role.port) as wire:
        wire.send(chunked(role, body) + role.probe())
        answer = wire.answer()
        assert answer.status == (405 if role.name == "worker" else 400), answer
        assert wire.ended(), wire.buffer
    alive(role)


def test_69_a_trailer_makes_nobody_known(every_role):
    role = every_role["file-server"]
    with Wire(role.port) as wire:
        wire.send(b"PUT /sessions/" + b"s" * 21 + b"/objects/" + b"t" * 21 + b" HTTP/1.1\r\n" + HOST + b"X-Original-Filename: a.txt\r\nContent-Type: text/plain\r\n"
                  b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n" + INTERNAL + b"\r\n")
        assert wire.answer().status == 401


# -- lines and names ---------------------------------------------------------------------------------

@pytest.mark.parametrize("line,expected", [
    (b"GET {} HTTP/1.1\n", VERSION), (b"GET\t{}\tHTTP/1.1\r\n", MALFORMED), (b"GET  {} HTTP/1.1\r\n", MALFORMED),
    (b"GET {}  HTTP/1.1\r\n", VERSION), (b"GET {} x HTTP/1.1\r\n", VERSION), (b"GET {} HTTP/1.1 \r\n", VERSION),
    (b"GET {} HTTP/1.2\r\n", VERSION), (b"GET {} HTTP/1.10\r\n", VERSION), (b"GET {} HTTP/2.0\r\n", VERSION),
    (b"GET {} HTTP/0.9\r\n", VERSION), (b"GET {} http/1.1\r\n", VERSION), (b"GET {} HTTP/1\r\n", VERSION),
    (b"GET {} HTTP/01.1\r\n", VERSION), (b"PRI * HTTP/2.0\r\n", VERSION), (b"GET {}\r\n", MALFORMED),
    (b"GE(T {} HTTP/1.1\r\n", MALFORMED), (b"G\0T {} HTTP/1.1\r\n", MALFORMED), (b" GET {} HTTP/1.1\r\n", MALFORMED),
    (b"GET {}\0 HTTP/1.1\r\n", MALFORMED), (b"GET {}\x01 HTTP/1.1\r\n", MALFORMED), (b"GET {}\x7f HTTP/1.1\r\n", MALFORMED),
    (b"GET {}\xff HTTP/1.1\r\n", TARGET), (b"GET {}#x HTTP/1.1\r\n", TARGET), (b"GET x{} HTTP/1.1\r\n", TARGET),
    (b"GET x:1 HTTP/1.1\r\n", TARGET), (b"CONNECT codeapi:80 HTTP/1.1\r\n", TARGET), (b"GET ftp://codeapi{} HTTP/1.1\r\n", TARGET),
    (b"GET http://{} HTTP/1.1\r\n", TARGET), (b"GET http://a@codeapi{} HTTP/1.1\r\n", TARGET),
    (b"GET http://a,b{} HTTP/1.1\r\n", TARGET)], ids=repr)
def test_69_first_lines(role, line, expected):
    refused(role, line.replace(b"{}", role.probe_target) + HOST + b"\r\n", expected)


@pytest.mark.parametrize("host,expected", [
    (b"", (400, b"Exactly one Host is required")), (HOST + HOST, (400, b"Exactly one Host is required")),
    (b"Host: a\r\nhost: b\r\n", (400, b"Exactly one Host is required")), (b"Host: a b\r\n", BAD_HOST), (b"Host: a,b\r\n", BAD_HOST),
    (b"Host: a@b\r\n", BAD_HOST), (b"Host: a/b\r\n", BAD_HOST), (b"Host: a\\b\r\n", BAD_HOST), (b"Host: \xff\r\n", BAD_HOST)], ids=repr)
def test_69_hosts(role, host, expected):
    refused(role, b"GET " + role.probe_target + b" HTTP/1.1\r\n" + host + b"\r\n", expected)


@pytest.mark.parametrize("text,expected", [
    (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", LARGE), (b"G" * 70_000 + b" / HTTP/1.1\r\nHost: x\r\n\r\n", LARGE),
    (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 70_000 + b"\r\n\r\n", LARGE),
    (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"x" * 70_000 + b": a\r\n\r\n", LARGE),
    (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A:\r\n" * 20_000 + b"\r\n", LARGE),
    (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A:\r\n" * 300 + b"\r\n", (431, b"Too many header fields")),
    (b"\r\n" * 12 + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", MALFORMED)], ids=lambda value: repr(value[:24]))
def test_69_headers_without_end(role, text, expected):
    refused(role, text, expected)


# -- strange, and answered ---------------------------------------------------------------------------

@pytest.mark.parametrize("line", [b"GET http://codeapi{} HTTP/1.1\r\nHost: codeapi", b"GET http://other.example{} HTTP/1.1\r\nHost: codeapi",
                                  b"GET HTTPS://other.example:8443{} HTTP/1.1\r\nHost: [::1]:80", b"GET {} HTTP/1.1\r\nHost: other.example:1",
                                  b"GET {} HTTP/1.1\r\nHost:", b"\r\nGET {} HTTP/1.1\r\nHost: codeapi"], ids=repr)
def test_69_absolute_targets_and_other_hosts_lead_here_and_nowhere_else(role, line):
    with Wire(role.port) as wire:
        wire.send(line.replace(b"{}", role.probe_target) + b"\r\n\r\n" + role.probe())
        for _ in range(2):
            role.assert_probe(wire.answer())


@pytest.mark.parametrize("fields", [
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
    b"Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n"], ids=repr)
def test_69_nothing_is_upgraded(role, fields):
    with Wire(role.port) as wire:
        wire.send(role.probe(more=fields) + role.probe())
        for _ in range(2):
            answer = wire.answer()
            role.assert_probe(answer)
            assert answer.header("Upgrade") is None


@pytest.mark.parametrize("method", [b"CONNECT", b"TRACE", b"get", b"G" * 200])
def test_69_other_methods(role, method):
    with Wire(role.port) as wire:
        answer = wire.send(method + b" " + role.probe_target + b" HTTP/1.1\r\n" + HOST + b"\r\n" + role.probe()).answer()
        assert (answer.status, answer.body) == (405, b'{"error":"Method not allowed"}') and answer.header("Allow"), answer
        role.assert_probe(wire.answer())


@pytest.mark.parametrize("target", [
    b"/..{}", b"/.{}", b"/x/..{}", b"/{}", b"/%2e%2e{}", b"/..%2f{}", b"/%2f{}", b"{}%00", b"{}%0d%0aX-Injected:%201", b"{}/", b"{}%2f", b"{}\\",
    b"/%c0%ae%c0%ae{}", b"/%e0%80%af{}", b"/%252e%252e{}", b"{};a", b"/" + b"x" * 60_000, b"/%", b"/%zz", b"/%ff%fe"],
    ids=lambda target: repr(target[:30]))
def test_69_paths_lead_nowhere_else(role, target):
    """Segments are decoded once and compared whole: a slash that was encoded stays within its segment."""
    with Wire(role.port) as wire:
        wire.send(b"GET " + target.replace(b"{}", role.probe_target) + b" HTTP/1.1\r\n" + HOST + b"\r\n" + role.probe())
        answer = wire.answer()
        assert answer.status in role.unknown and answer.header("X-Injected") is None, answer
        role.assert_probe(wire.answer())


@pytest.mark.parametrize("target", [b"/sessions/%s/objects/..", b"/sessions/%s/objects/%%2e%%2e%%2f%%2e%%2e%%2fstate.sqlite",
                                    b"/sessions/%s/objects/" + b"o" * 20 + b"%%00", b"/sessions/%s/objects/" + b"o" * 20 + b"%%2f",
                                    b"/sessions/%s/objects/" + b"o" * 300, b"/sessions/%s%%0d%%0a/objects/" + b"o" * 21])
@pytest.mark.parametrize("method", [b"GET", b"DELETE"])
def test_69_no_path_leaves_the_store(every_role, method, target):
    role = every_role["file-server"]
    with Wire(role.port) as wire:
        wire.send(method + b" " + target % (b"s" * 21) + b" HTTP/1.1\r\n" + HOST + INTERNAL + b"\r\n" + role.probe())
        assert wire.answer().status == 400
        role.assert_probe(wire.answer())


@pytest.mark.parametrize("expectation,status", [(b"200-ok", 417), (b"100-continue, x", 417), (b"", None)], ids=repr)
def test_69_expectations(role, expectation, status):
    with Wire(role.port) as wire:
        wire.send(role.head(b"Expect: " + expectation + b"\r\nContent-Length: %d\r\n" % len(role.body)) + b"\r\n" + role.body)
        answer = wire.answer()
        if status is None:
            return role.assert_post(answer)
        assert answer.status == status and wire.ended(), answer
    alive(role)


def test_69_a_body_that_waits_to_be_asked_for(role):
    with Wire(role.port) as wire:
        wire.send(role.head(b"Expect: 100-continue\r\nContent-Length: %d\r\n" % len(role.body)) + b"\r\n")
        answer = wire.answer()
        if role.name == "worker":  # refused unread, and the body may come or not: no request may follow
            assert answer.status == 405 and wire.send(role.body + role.probe()).ended()
        else:
            assert answer.status == 100 and not answer.fields
            role.assert_post(wire.send(role.body).answer())
            role.assert_probe(wire.send(role.probe()).answer())


def test_69_answers_keep_the_order_of_their_requests(role):
    """Forty requests in one piece: bodies that look like requests, requests without bodies, unknown ones."""
    unknown = b"GET /nothing/" + b"%d HTTP/1.1\r\n" + HOST + b"X-Request-ID: n%d\r\nContent-Length: %d\r\n\r\n%s"
    with Wire(role.port) as wire:
        text = b""
        for number in range(20):
            body = role.probe()
            text += unknown % (number, number, len(body), body) + role.probe(more=b"X-Request-ID: p%d\r\n" % number)
        wire.send(text + role.post())
        for number in range(20):
            answer = wire.answer()
            assert (answer.status, answer.header("X-Request-ID")) == (404, f"n{number}"), answer
            answer = wire.answer()
            role.assert_probe(answer)
            assert answer.header("X-Request-ID") == f"p{number}"
        role.assert_post(wire.answer())


def test_69_one_byte_at_a_time(role):
    with Wire(role.port) as wire:
        for at in range(len(text := chunked(role, pieces(role)))):
            wire.send(text[at:at + 1])
        role.assert_post(wire.answer())


# -- what reaches the headers of an answer -----------------------------------------------------------

@pytest.mark.parametrize("sent", [b"a%0d%0aX-Injected: 1", b"a b", b"<script>", b"x" * 129, b"\xff", b"a,b", b"\"a\""])
def test_69_a_request_id_is_ours_unless_it_is_harmless(role, sent):
    with Wire(role.port) as wire:
        answer = wire.send(role.probe(more=b"X-Request-ID: " + sent + b"\r\n")).answer()
        role.assert_probe(answer)
        assert answer.header("X-Injected") is None
        assert answer.header("X-Request-ID").isascii() and len(answer.header("X-Request-ID")) == 21


HOSTILE = ["a\r\nX-Injected: 1\r\n\r\nHTTP/1.1 200 OK\r\n\r\n.txt", "a\nb.txt", "a\rb.txt", "a\0b.txt", "a\";filename=\"b.txt",
           "a;filename*=UTF-8''b.txt", "a\u202etxt.exe", "\u00e9\u20ac\U0001f600.txt", "a%0d%0aX-Injected: 1.txt", "a\u2028b.txt", "a\x7fb.txt"]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_69_names_stay_within_their_header(every_role, name):
    """A stored name comes back percent-encoded in each header it stands in, or is refused."""
    role, sent = every_role["file-server"], "".join(f"%{byte:02X}" for byte in name.encode())
    where = b"/sessions/" + b"n" * 21 + b"/objects/%021d" % HOSTILE.index(name)
    with Wire(role.port) as wire:
        stored = wire.send(b"PUT " + where + b" HTTP/1.1\r\n" + HOST + INTERNAL + b"Content-Type: text/plain\r\nX-Original-Filename: "
                           + sent.encode() + b"\r\nContent-Length: 1\r\n\r\nx").answer()
        if "\0" in name:
            assert stored.status == 400, stored
        else:
            assert stored.status == 200, stored
            answer = wire.send(b"GET " + where + b" HTTP/1.1\r\n" + HOST + INTERNAL + b"\r\n").answer()
            assert (answer.status, answer.body) == (200, b"x") and answer.header("X-Injected") is None
            for field in ("Content-Disposition", "X-Original-Filename"):
                value = answer.header(field)
                assert value.isprintable() and value.isascii(), answer
                assert value.count(";") == (1 if field == "Content-Disposition" else 0) and '"' not in value
        role.assert_probe(wire.send(role.probe()).answer())


# -- clients that are slow or leave ------------------------------------------------------------------

def test_69_clients_that_leave_half_way(role):
    """Cut at many places, and reset at some: the role goes on as if nobody had been there."""
    text = chunked(role, pieces(role, b";a"))
    for number, at in enumerate(range(1, len(text), 7)):
        wire = Wire(role.port).send(text[:at])
        if number % 2:  # a reset instead of an end
            wire.socket.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")
        wire.socket.close()
    alive(role)


def test_69_a_half_sent_request_is_given_up(every_role):
    """A byte now and then does not keep a header alive: 408 and the end, when the header's time is over.

    All roles at once, because that time is half a minute.
    """
    def slowly(role):
        answered = threading.Event()

        def drip():
            while not answered.wait(2):
                wire.send(b"x")

        with Wire(role.port) as wire:
            wire.send(role.head(b"X-Slow: "))
            dripping = threading.Thread(target=drip)
            dripping.start()
            try:
                answer = wire.answer()
                return answer.status, answer.body, wire.ended()
            finally:
                answered.set()
                dripping.join()

    with concurrent.futures.ThreadPoolExecutor(len(every_role)) as pool:
        found = list(pool.map(slowly, every_role.values()))
    assert found == [(408, b'{"error":"Request header timed out"}', True)] * len(every_role)
    for role in every_role.values():
        alive(role)
