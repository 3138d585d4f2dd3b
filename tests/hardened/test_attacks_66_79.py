"""The attacks at the edges of the service, 66 to 79, against a whole service in hardened mode.

What tests/security/test_edges.py does outside of it is done again here, with a token; what only hardened mode can stop is
done here alone. `server` is the API as one user sees it.
"""

import json
import re
import subprocess
import threading
import time

import pytest
import test_signed
from census import programs_of
from harness import names, reference, until
from identity import encode
from rounds import go_on, play, results, start, tool
from test_edges import (test_70_json_is_read_in_one_way_only, test_77_modules_in_the_place_of_the_standard_ones,  # noqa: F401
                        test_77_source_with_a_nul, test_77_sources_that_are_hard_to_read,
                        test_77_traps_end_honestly_and_keep_the_files, test_78_compilers_read_and_grow_no_further)
from test_signed import REFUSED, Job, Signed, change_payload, said

ECHO = [tool("echo", "value")]

ATTACKS = {
    68: ("Commands and patterns in what becomes a key of Redis",
         "ids of 21 characters and nothing else; keys are arguments, never text of a script; users of Redis with rights to"
         " their own keys only"),
    71: ("Forms with broken, endless or too many parts", "a strict parser with a bound for every part of a form"),
    73: ("Continuations of others, two at once, calls without end",
         "a continuation belongs to who began it, and one wins; calls are counted against a signed budget"),
    74: ("Work that nobody signed, changed, or done before, and made-up answers, by whoever holds the queue",
         "Ed25519 over the whole job, checked by worker, gateway and jailer; a ledger of its own; a MAC over every answer"),
    76: ("A store that is slow, broken or away", "every transfer is bounded and its failure said; a file cut short is none"),
}
COVERED_BY = {
    71: ["src/net/multipart_test.cc TruncatedAnywhereIsInvalidAndNeverASuccess",
         "tests/api/test_uploads.py test_what_is_no_form"],
    73: ["tests/programmatic/test_refusals.py test_somebody_elses_execution",
         "tests/egress/test_gateway.py test_calls_of_a_round_are_counted_over_the_execution"],
    74: ["tests/distributed/test_signed.py test_running_it_again", "src/jailer/jailer_admission_test.cc RefusesAnotherProgramAndGoesOn",
         "tests/egress/test_executions.py test_who_holds_the_queue_cannot_have_it_run_again"],
    76: ["tests/s3/test_service.py test_a_bucket_that_is_away", "tests/egress/test_gateway.py test_a_file_cut_short_is_no_whole_file"],
}


class Attacker:
    """Redis in the hands of whoever has a worker's user in it."""

    user = "codeapi-worker"

    def __init__(self, redis):
        self.port, self.password = redis.port, redis.passwords[self.user]


class HardenedSigned(Signed):
    """The same attempts as in tests/distributed/test_signed.py, with no more than the queue's own user of Redis."""

    def __init__(self, stack, api):
        self.stack, self.api, self.worker = self, api, stack.workers[0]
        self.redis, self.processes, self.hardened = Attacker(stack.redis), [], stack

    def waiting(self, redis):
        def find():
            return [key for key in redis.keys("codeapi:{queue}:job:*")
                    if redis.run("HGET", key, "state") == b"w" and redis.run("HEXISTS", key, "payload")]
        found = until(find, "a job waits")
        assert len(found) == 1, found
        return found[0]


@pytest.fixture
def signed(hardened, caller):
    return HardenedSigned(hardened, caller())


def runs(hardened):
    """How many programs have ended on the workers."""
    return sum(len(said(worker, "execution ended")) for worker in hardened.workers)


def processes(hardened):
    """Those of programs. Some may wait for tools whose results an attack has kept from them."""
    return set(programs_of(hardened.workers[0]))


# -- 66, 67: where nobody gets -----------------------------------------------------------------------

def test_66_67_no_program_reaches_any_role(hardened, server):
    """Every port of the service, Redis and the addresses of clouds, over TCP and UDP: all are refused."""
    ports = [it.port for _, it in hardened.servers()] + [hardened.redis.port]
    code = ("import errno, socket, sys\nfor port in sys.argv[1:]:\n"
            "  for host in ('127.0.0.1', '0.0.0.0', '2130706433', '0177.0.0.1', '169.254.169.254', '10.0.0.1'):\n"
            "    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):\n"
            "      try:\n"
            "        with socket.socket(socket.AF_INET, kind) as s: s.connect((host, int(port))); print('reached', host, port)\n"
            "      except OSError as e: print(errno.errorcode.get(e.errno, e.errno))\n"
            "  for host in ('::1', '::ffff:127.0.0.1', 'fd00:ec2::254'):\n"
            "    try:\n"
            "      with socket.socket(socket.AF_INET6) as s: s.connect((host, int(port))); print('reached', host, port)\n"
            "    except OSError as e: print(errno.errorcode.get(e.errno, e.errno))\n")
    answer = server.exec_("py", code, args=[str(port) for port in ports])
    assert answer["stdout"].split("\n") == ["EPERM"] * (15 * len(ports)) + [""], answer


@pytest.mark.parametrize("target", ["http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://127.0.0.1:22/",
                                    "http://2130706433/", "https://example.org/sessions/x/objects/y", "//169.254.169.254/",
                                    "/sessions/..%2f..%2f169.254.169.254/objects/x", "/sessions/@169.254.169.254/objects/" + "o" * 21])
@pytest.mark.parametrize("headers", [{}, {"Host": "169.254.169.254"}, {"X-Forwarded-Host": "169.254.169.254"}])
def test_66_the_gateway_forwards_nowhere_a_request_names(hardened, target, headers):
    before = len(said(hardened.file_server, "request"))
    reply = hardened.gateway.get(target, headers={"X-CodeAPI-Internal-Token": hardened.token,
                                                  "X-CodeAPI-Egress-Grant": "ceg1.AA.AA.AA", **headers})
    assert reply.status in (400, 401, 403, 404), reply
    assert len(said(hardened.file_server, "request")) == before
    assert hardened.gateway.request("CONNECT", "169.254.169.254:80").status == 400


def test_66_no_url_of_a_caller_is_fetched(hardened, server):
    """Where a body has a place for a file, an address in it is not one."""
    for text in ("http://169.254.169.254/", "file:///etc/passwd", "../../etc/passwd"):
        for field in ("id", "storage_session_id"):
            file = {"id": "A" * 21, "resource_id": "user-0001", "name": "a.txt", "storage_session_id": "B" * 21, "kind": "user"}
            reply = server.post({"lang": "bash", "code": "echo ran", "files": [{**file, field: text}]})
            assert reply.status in (400, 403, 404), reply
            assert "ran" not in reply.body.decode()


# -- 68: Redis ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("text", ["*", "codeapi:*", "a\r\nFLUSHALL\r\n", "a\nSET x 1", "{queue}", "[a-z]?", "\0", "x" * 5000, "é"])
def test_68_ids_are_no_commands_and_no_patterns(hardened, server, text):
    from urllib.parse import quote
    keys = hardened.redis.ask("DBSIZE")
    for path in (f"/v1/files/{quote(text, safe='')}", f"/v1/download/{quote(text, safe='')}/{'A' * 21}",
                 f"/v1/sessions/{quote(text, safe='')}/objects/{'A' * 21}"):
        assert server.get(path).status in (400, 404), path
    for body in ({"lang": "bash", "code": "echo ran", "session_id": text}, {"lang": "bash", "code": "echo ran", "user_id": text}):
        assert server.post(body).status in (200, 400)
    reply = go_on(server, {"continuation_token": text}, [])
    assert reply.status in (400, 404), reply
    assert server.exec_("bash", "echo fine")["stdout"] == "fine\n"
    assert hardened.redis.refused() == "" and int(keys) > 0


@pytest.mark.parametrize("user", ["*", "a*", "a:b", "{queue}", "codeapi:{queue}:job:x", "[a]"])
def test_68_users_are_no_patterns(hardened, caller, user):
    """Whoever is called like a pattern is somebody, or nobody; never everybody."""
    mine = caller().exec_("bash", "echo mine > mine.txt")["files"][0]
    other = caller(user)
    reply = other.post({"lang": "bash", "code": "echo ran"})
    assert reply.status in (200, 401), reply
    assert other.download(mine, f"?kind=user&id={user}").status in (400, 401, 403, 404)
    assert hardened.redis.refused() == ""


# -- 71: multipart -----------------------------------------------------------------------------------

def upload(server, parts, boundary="b", end=b"--b--\r\n"):
    body = b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + end
    return server.request("POST", "/v1/upload", body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})


FIELD = b"Content-Disposition: form-data; name=\"kind\"\r\n\r\nuser"
FILE = b"Content-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\ntext"


@pytest.mark.parametrize("parts,end", [
    ([FIELD, FILE], b""), ([FIELD, FILE], b"--b\r\n"), ([FIELD, FILE], b"--c--\r\n"), ([FIELD, FILE[:60]], b"--b--\r\n"),
    ([FIELD, b"no header at all"], b"--b--\r\n"), ([b"A: b\r\n" * 3000 + FILE], b"--b--\r\n"),
    ([FIELD] * 20_000, b"--b--\r\n"), ([FIELD, FILE.replace(b"a.txt", b"a.txt\0")], b"--b--\r\n")],
    ids=["no end", "one more", "another boundary", "cut", "no header", "header flood", "fields without end", "nul"])
def test_71_forms_that_are_none(server, parts, end):
    reply = upload(server, parts, end=end)
    assert 400 <= reply.status < 500, reply
    assert server.exec_("bash", "echo fine")["stdout"] == "fine\n"


# -- 72: who asks ------------------------------------------------------------------------------------

def test_72_tokens_that_are_none(hardened, tmp_path):
    from identity import Keys
    keys, now = hardened.keys, int(time.time())
    good = keys.token()
    head, claims, signature = good.split(".")
    none = encode(json.dumps({"alg": "none", "typ": "JWT", "kid": keys.kid}).encode())
    hs256 = encode(json.dumps({"alg": "HS256", "typ": "JWT", "kid": keys.kid}).encode())
    public = subprocess.run(["openssl", "dgst", "-sha256", "-hmac", keys.public, "-binary"], input=f"{hs256}.{claims}".encode(),
                            capture_output=True, check=True).stdout
    stranger = Keys(tmp_path, kid=keys.kid)
    tokens = {"alg none": f"{none}.{claims}.", "alg none, signed": f"{none}.{claims}.{signature}",
              "HS256 with the public key": f"{hs256}.{claims}.{encode(public)}", "another key": stranger.token(),
              "unknown key id": keys.token(header={"kid": "other"}), "expired": keys.token(born=now - 1000),
              "not yet": keys.token(born=now + 1000), "another audience": keys.token(aud="other"),
              "another issuer": keys.token(iss="other"), "too long": keys.token(life=100_000),
              "changed": f"{head}.{encode(json.dumps({'sub': 'root'}).encode())}.{signature}", "cut": good[:-4]}
    for what, token in tokens.items():
        reply = hardened.api.request("POST", "/v1/exec", b'{"lang":"bash","code":"echo ran"}',
                                     {"Content-Type": "application/json", "Authorization": f"Bearer {token}"})
        assert (reply.status, reply.json) == (401, {"error": "Invalid bearer token"}), (what, reply)
    assert hardened.api.post({"lang": "bash", "code": "echo ran"}).status == 401


def test_72_other_peoples_files(hardened, caller):
    owner = caller("user-0001", "tenant-a")
    file = owner.exec_("bash", "echo mine > mine.txt")["files"][0]
    session, name = file["storage_session_id"], file["id"]
    for stranger in (caller("user-0002", "tenant-a"), caller("user-0001", "tenant-b"), caller("user-000", "tenant-a")):
        for who in ("user-0001", stranger.token_user):
            assert stranger.download(file, f"?kind=user&id={who}").status in (403, 404)
        reply = stranger.post({"lang": "bash", "code": "cat mine.txt", "files": [reference(file)]})
        assert reply.status in (403, 404) or "mine" not in reply.json.get("stdout", ""), reply
        assert stranger.request("DELETE", f"/v1/files/{session}/{name}").status in (403, 404, 405)
    for path in (f"/v1/download/{session[:-1]}/{name}", f"/v1/download/..%2f{session}/{name}", f"/v1/download/{session}/..%2f{name}",
                 f"/v1/download/{session}%00/{name}"):
        assert owner.get(path + "?kind=user&id=user-0001").status in (400, 404), path
    assert owner.download(file).body == b"mine\n"


# -- 73: tools ---------------------------------------------------------------------------------------

def test_73_continuations_of_others(caller):
    owner, stranger, neighbour = caller("user-0001", "tenant-a"), caller("user-0002", "tenant-a"), caller("user-0001", "tenant-b")
    answer = start(owner, "print(await echo(value='x'))", ECHO).json
    sent = results(answer["tool_calls"], lambda *_: "forged")
    for other in (stranger, neighbour):
        reply = go_on(other, answer, sent)
        assert reply.status in (400, 403, 404) or reply.json.get("status") == "error", reply
        assert "forged" not in json.dumps(reply.json.get("stdout", ""))
    wrong = [{**sent[0], "call_id": "call_999"}]
    assert go_on(owner, answer, wrong).json.get("status") != "completed"
    assert go_on(owner, answer, results(answer["tool_calls"], lambda *_: "true")).json["stdout"] == "true\n"


def test_73_of_two_continuations_one_wins(caller):
    """Both carry the same token and other results: the program sees one of them, and both answers are of that one."""
    owner = caller()
    answer = start(owner, "print(await echo(value='x'))", ECHO).json
    replies, barrier = [], threading.Barrier(2)

    def send(what):
        barrier.wait()
        replies.append(go_on(owner, answer, results(answer["tool_calls"], lambda *_: what)))

    threads = [threading.Thread(target=send, args=(what,)) for what in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    printed = {reply.json["stdout"] for reply in replies if reply.status == 200 and reply.json.get("status") == "completed"}
    assert len(printed) == 1 and printed <= {"one\n", "two\n"}, replies


def test_73_calls_do_not_end_and_the_budget_does(caller):
    """A loop of calls meets the budget that the API has signed."""
    answer, history = play(caller(), "while True:\n    for _ in range(100): await echo(value='x')", ECHO, lambda *_: "x", rounds=1000)
    assert answer["status"] == "error", answer
    assert sum(len(calls) for calls in history) <= 200


# -- 74: manifests, with the queue's own user of Redis -----------------------------------------------

def refused(signed, reply, ran):
    assert (reply.status, reply.json) == (502, REFUSED), reply
    assert runs(signed.hardened) == ran, "it was run"


@pytest.mark.parametrize("change", [
    lambda job: setattr(job, "text", job.text.replace(b"echo secret", b"echo forged")),
    lambda job: setattr(job, "text", job.text.replace(b'"bash"', b'"py"')),
    lambda job: job.text, lambda job: b"M" + job.token.split(b".")[0] + b".AAAA\n" + job.text,
    lambda job: b"M" + encode(json.dumps({**job.claims, "exp": job.claims["exp"] + 1}).encode()).encode() + b"."
    + job.token.split(b".")[1] + b"\n" + job.text,
    lambda job: b"M.\n" + job.text], ids=["program", "language", "unsigned", "bad signature", "longer life", "no token"])
def test_74_what_was_not_signed_is_not_run(signed, change):
    ran = runs(signed.hardened)
    refused(signed, signed.meddle(signed.exec, change_payload(change)), ran)


@pytest.mark.parametrize("limit", ["wall_ms", "memory_bytes"])
def test_74_nothing_gets_more_than_was_signed(signed, limit):
    ran = runs(signed.hardened)

    def more(job):
        job.text, count = re.subn(rb'("%s":)(\d+)' % limit.encode(), rb"\g<1>9\2", job.text)
        assert count, job.text[:300]
    refused(signed, signed.meddle(signed.exec, change_payload(more)), ran)


def test_74_nothing_runs_again(signed):
    """An old job in the place of a new one, whose manifest is as good as ever."""
    kept = []
    first = signed.meddle(signed.exec, lambda redis, key: kept.append(redis.run("HGET", key, "payload")))
    assert first.json["stdout"] == "secret\n", first
    ran = runs(signed.hardened)
    reply = signed.meddle(signed.exec, lambda redis, key: redis.run("HSET", key, "payload", kept[0]))
    assert reply.status >= 400 and "stdout" not in reply.json, reply
    assert runs(signed.hardened) == ran


@pytest.mark.parametrize("answer", [b'200 0 {"stdout":"forged"}', b"A" * 43 + b' 200 0 {"stdout":"forged"}'])
def test_74_no_answer_is_made_up(signed, answer):
    test_signed.test_making_up_an_answer(signed, answer)


def test_74_no_result_of_a_tool_is_made_up(signed):
    code, ran = "print(await echo(value='x'))", runs(signed.hardened)
    answer = start(signed.api, code, ECHO).json

    def forge(job):
        job.text = job.text.replace(b"did x", b"forged")
    reply = signed.meddle(lambda: go_on(signed.api, answer, results(answer["tool_calls"], lambda *_: "did x")), change_payload(forge))
    assert "forged" not in reply.body.decode()
    refused(signed, reply, ran)


# -- 75: the queue -----------------------------------------------------------------------------------

def test_75_a_job_that_is_dropped_costs_its_client_an_answer_and_nobody_else_anything(signed):
    """What an attacker in the queue can do: delay and drop."""
    def delay(redis, key):
        tenant = redis.run("HGET", key, "tenant")
        taken = redis.run("LPOP", b"codeapi:{queue}:wait:" + tenant)
        redis.run("RPUSH", b"codeapi:{queue}:wait:" + tenant, taken)
    reply = signed.meddle(signed.exec, delay)
    assert reply.json.get("stdout") == "secret\n", (reply, signed.worker.log()[-3000:])
    assert signed.api.exec_("bash", "echo fine")["stdout"] == "fine\n"


def test_75_who_leaves_ends_their_program(hardened, server):
    connection, before, ran = server.connect(), processes(hardened), runs(hardened)
    connection.request("POST", "/v1/exec", json.dumps({"lang": "bash", "code": "sleep 25"}),
                       {"Content-Type": "application/json", **server.headers})
    busy = re.compile(rb"^codeapi_active_jobs\{[^}]*\} [1-9]", re.MULTILINE)
    until(lambda: busy.search(hardened.workers[0].get("/metrics").body), "the program runs")
    connection.close()
    until(lambda: not busy.search(hardened.workers[0].get("/metrics").body), "the program of who left is ended", 15)
    assert server.exec_("bash", "echo fine")["stdout"] == "fine\n" and runs(hardened) >= ran
    until(lambda: processes(hardened) <= before, "no process of who left is there")


# -- 76: a store that is away ------------------------------------------------------------------------

def test_76_a_file_server_that_is_gone_is_said_so_and_forgotten_when_it_is_back(hardened, server):
    file = server.exec_("bash", "echo kept > kept.txt")["files"][0]
    port, settings, data = hardened.file_server.port, hardened.file_server.settings, hardened.file_server.data_dir
    hardened.file_server.kill()
    try:
        assert server.download(file).status in (500, 502, 503)
        reply = server.post({"lang": "bash", "code": "echo ran; echo lost > lost.txt"})
        assert reply.status >= 500 or not names(reply.json), reply
    finally:
        again = hardened.file_server
        again.lines.clear()
        again._ended = False
        again.start()
    assert again.port == port and again.settings is settings and again.data_dir == data
    assert server.download(file).body == b"kept\n"
    assert names(server.exec_("bash", "echo new > new.txt")) == ["new.txt"]


# -- 79: nothing is left -----------------------------------------------------------------------------

def leases(hardened):
    return [key for key in hardened.redis.ask("KEYS", "codeapi-egress:*").split() if key.endswith(":lease")]


def test_79_nothing_is_left_of_many(hardened, caller):
    """After fifty programs, and their files and tools: no process, no lease, and keys that all end."""
    before = processes(hardened)
    for number in range(25):
        caller(f"user-{number:04}").exec_("bash", "echo x > x.txt")
        play(caller(f"user-{number:04}"), "print(await echo(value='x'))", ECHO, lambda *_: "did x")
    until(lambda: processes(hardened) <= before, "no process of theirs is left")
    until(lambda: not leases(hardened), "no lease of a round is left")
    endless = [key for key in hardened.redis.ask("KEYS", "*").split("\n") if int(hardened.redis.ask("PTTL", key)) == -1]
    # An API key that does not end is kept for good.
    assert [key for key in endless if not key.startswith("codeapi:{state}:")] == [], endless
    assert hardened.redis.refused() == ""
