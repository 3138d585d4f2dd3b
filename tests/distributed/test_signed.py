"""Signed work: who holds the queue's Redis can delay and drop it, and nothing else.

Each test is one attempt: it stops the worker, so that a job lies in Redis, writes there what an attacker would, and lets
the worker go on. The worker's and the API's logs say what was noticed.
"""

import base64
import contextlib
import json
import signal
import subprocess
import threading
import time

import pytest
from harness import Api, Worker, binary, names, reference, until
from resp import Resp
from rounds import go_on, play, results, start, tool

PREFIX = "signed:"
ECHO = [tool("echo", "value")]
REFUSED = {"error": "sandbox_execution_failed", "message": "Sandbox execution failed"}


class Pair:
    """Two keys as `codeapi keys manifest --out` makes them."""

    def __init__(self, directory):
        made = subprocess.run([binary(), "keys", "manifest", "--out", str(directory)], capture_output=True, text=True,
                              check=True)
        self.private_file, public_file = made.stdout.split()
        with open(self.private_file) as private, open(public_file) as public:
            self.private, self.public = private.read(), public.read()

    def sign(self, claims, directory):
        """The token of these claims."""
        text = json.dumps(claims, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        (directory / "claims").write_bytes(text)
        signature = subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.private_file, "-in",
                                    str(directory / "claims")], capture_output=True, check=True).stdout
        return encode(text) + b"." + encode(signature)


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def decode(text):
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))


class Job:
    """A payload taken apart."""

    def __init__(self, payload):
        assert payload[:1] == b"M", payload[:100]
        self.token, self.text = payload[1:].split(b"\n", 1)

    @property
    def claims(self):
        return json.loads(decode(self.token.split(b".")[0]))

    def payload(self):
        return b"M" + self.token + b"\n" + self.text


class Signed:
    """An API that signs, a worker that checks, and Redis in the hands of somebody else."""

    def __init__(self, stack, keys):
        self.stack, self.keys = stack, keys
        self.settings = {**stack.shared(), "CODEAPI_REDIS_PREFIX": PREFIX}
        self.processes = []

    def add(self, kind, **more):
        self.processes.append(kind({**self.settings, **more}))
        return self.processes[-1].start()

    @contextlib.contextmanager
    def stopped(self, process=None):
        """The worker takes nothing meanwhile."""
        process = (process or self.worker).process
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    def waiting(self, redis):
        """The key of the one job that waits."""
        def find():
            return [key for key in redis.keys(PREFIX + "*job:*")
                    if redis.run("HGET", key, "state") == b"w" and redis.run("HEXISTS", key, "payload")]
        found = until(find, "a job waits")
        assert len(found) == 1, found
        return found[0]

    def meddle(self, ask, change):
        """What `ask` gives when `change(redis, key)` has its way with its job."""
        answer = []
        with Resp(self.stack.redis) as redis:
            with self.stopped():
                asking = threading.Thread(target=lambda: answer.append(ask()), daemon=True)
                asking.start()
                change(redis, self.waiting(redis))
            asking.join(90)
        assert answer, "no answer"
        return answer[0]

    def exec(self, code="echo secret", lang="bash", **more):
        return self.api.post({"lang": lang, "code": code, **more})


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return Pair(tmp_path_factory.mktemp("keys") / "first"), Pair(tmp_path_factory.mktemp("keys") / "second")


@pytest.fixture(scope="module")
def signed(stack, keys):
    it = Signed(stack, keys)
    try:
        it.worker = it.add(Worker, SANDBOX_EXECUTION_MANIFEST_PUBLIC_KEY=keys[0].public)
        it.api = it.add(Api, CODEAPI_EXECUTION_MANIFEST_PRIVATE_KEY=keys[0].private)
        yield it
    finally:
        for process in reversed(it.processes):
            process.destroy()


def said(process, event, **wanted):
    """The log lines of `event` with these values."""
    with process._changed:
        lines = [json.loads(line) for line in process.lines if line.startswith("{")]
    return [line for line in lines if event in line.values() and all(line.get(k) == v for k, v in wanted.items())]


def change_payload(change):
    """A change of the job that `change(job)` makes."""
    def apply(redis, key):
        job = Job(redis.run("HGET", key, "payload"))
        redis.run("HSET", key, "payload", change(job) or job.payload())
    return apply


def expect_refused(signed, reply, reason):
    assert (reply.status, reply.json) == (502, REFUSED), reply
    lines = until(lambda: said(signed.worker, "job refused"), signed.worker.log)
    assert lines[-1]["reason"] == reason, lines[-1]


# -- what works as ever ------------------------------------------------------------------------------

def test_programs_run(signed):
    made = signed.exec("echo made > made.txt; echo out; echo err >&2; cat", args=["one"], input="in").json
    assert made["stdout"].startswith("out\n") and made["stderr"] == "err\n" and names(made) == ["made.txt"]
    read = signed.exec("import sys; print(open('made.txt').read(), sys.argv[1:])", "py", args=["a", "b"],
                       files=[reference(made["files"][0])])
    assert read.json["stdout"] == "made\n ['a', 'b']\n", read
    java = 'public class Hello { public static void main(String[] a) { System.out.println("hi " + a[0]); } }'
    ran = signed.exec(java, "java", args=["x"])
    assert ran.status == 400 or ran.json["stdout"] == "hi x\n", ran


def test_programs_with_tools_run(signed):
    code = "for i in range(3):\n    print(i, await echo(value=str(i)))\nopen('/mnt/data/made.txt', 'w').write('x')"
    answer, history = play(signed.api, code, ECHO, lambda name, given: "did " + given["value"])
    assert answer["status"] == "completed" and answer["stdout"] == "0 did 0\n1 did 1\n2 did 2\n", answer
    assert len(history) == 3 and names(answer) == ["made.txt"]
    answer, _ = play(signed.api, "echo \"got $(echo_tool '{\"value\":\"x\"}')\"", [tool("echo_tool", "value")],
                     lambda name, given: "did " + given["value"], language="bash")
    assert answer["status"] == "completed", answer


# -- attempts ----------------------------------------------------------------------------------------

def test_running_another_program(signed):
    def other(job):
        job.text = job.text.replace(b"echo secret", b"echo stolen")
    reply = signed.meddle(signed.exec, change_payload(other))
    expect_refused(signed, reply, "scope_mismatch")


def test_running_what_nobody_signed(signed):
    def bare(job):
        return job.text
    reply = signed.meddle(signed.exec, change_payload(bare))
    expect_refused(signed, reply, "malformed")
    assert said(signed.api, "execution not answered")[-1]["detail"] == "the answer to the job carries no valid MAC"


def test_signing_with_another_key(signed, tmp_path):
    def forged(job):
        job.token = signed.keys[1].sign(job.claims, tmp_path)
    reply = signed.meddle(signed.exec, change_payload(forged))
    expect_refused(signed, reply, "invalid_signature")


@pytest.mark.parametrize("limit", ["wall_ms", "cpu_ms", "memory_bytes"])
def test_giving_it_more(signed, limit):
    def more(job):
        text = json.loads(job.text)
        text[limit] *= 2
        job.text = json.dumps(text).encode()
    expect_refused(signed, signed.meddle(signed.exec, change_payload(more)), "scope_mismatch")

    def more_in_the_claims(job):
        claims = job.claims
        claims[limit] *= 2
        text = json.dumps(claims, sort_keys=True, separators=(",", ":")).encode()
        job.token = encode(text) + b"." + job.token.split(b".")[1]
    expect_refused(signed, signed.meddle(signed.exec, change_payload(more_in_the_claims)), "invalid_signature")


def test_giving_it_more_files(signed):
    mine = signed.exec("echo mine > mine.txt").json["files"][0]

    def more(job):
        text = json.loads(job.text)
        text["files"].append([mine["storage_session_id"], mine["id"], mine["name"]])
        job.text = json.dumps(text).encode()
    expect_refused(signed, signed.meddle(signed.exec, change_payload(more)), "scope_mismatch")


def test_letting_it_live_longer(signed):
    def longer(job):
        claims = job.claims
        claims["exp"] += 3600
        text = json.dumps(claims, sort_keys=True, separators=(",", ":")).encode()
        job.token = encode(text) + b"." + job.token.split(b".")[1]
    expect_refused(signed, signed.meddle(signed.exec, change_payload(longer)), "invalid_signature")


def test_running_it_again(signed):
    """An old job in the place of a new one: its manifest is good, but it has run."""
    kept = []
    first = signed.meddle(signed.exec, lambda redis, key: kept.append(redis.run("HGET", key, "payload")))
    assert first.json["stdout"] == "secret\n", first
    execution = Job(kept[0]).claims["exec_id"]
    assert len(said(signed.worker, "execution ended", execution=execution)) == 1
    reply = signed.meddle(signed.exec, lambda redis, key: redis.run("HSET", key, "payload", kept[0]))
    assert (reply.status, reply.json) == (502, REFUSED), reply
    refused = said(signed.worker, "execution failed", execution=execution)
    assert refused and "has ended" in refused[-1]["detail"], signed.worker.log()
    assert len(said(signed.worker, "execution ended", execution=execution)) == 1


def test_answering_one_with_another(signed):
    """A job that has not run yet in the place of another: it may run, once, but is nobody else's answer."""
    kept = []

    def steal(redis, key):
        kept.append(redis.run("HGET", key, "payload"))
        redis.run("HSET", key, "payload", "M.\n{}")
    signed.meddle(lambda: signed.exec("echo of the first"), steal)
    reply = signed.meddle(signed.exec, lambda redis, key: redis.run("HSET", key, "payload", kept[0]))
    assert (reply.status, reply.json) == (502, REFUSED), reply
    assert said(signed.api, "execution not answered")[-1]["detail"] == "the answer to the job carries no valid MAC"


@pytest.mark.parametrize("answer", [b'200 0 {"stdout":"forged"}', b"A" * 43 + b' 200 0 {"stdout":"forged"}'])
def test_making_up_an_answer(signed, answer):
    def forge(redis, key):
        # As the queue's own script leaves it.
        redis.run("HSET", key, "state", "d", "code", "ok", "answer", answer)
        redis.run("HDEL", key, "payload")
        redis.run("PUBLISH", key.split(b"job:")[0] + b"in:" + redis.run("HGET", key, "from"),
                  b"a " + key.split(b"job:")[1])
    reply = signed.meddle(signed.exec, forge)
    assert (reply.status, reply.json) == (502, REFUSED), reply


def test_making_up_a_tools_result(signed):
    code = "print(await echo(value='x'))"
    answer = start(signed.api, code, ECHO).json

    def forge(job):
        job.text = job.text.replace(b"did x", b"forged")
    reply = signed.meddle(lambda: go_on(signed.api, answer, results(answer["tool_calls"], lambda *_: "did x")),
                          change_payload(forge))
    expect_refused(signed, reply, "scope_mismatch")


def test_playing_a_round_again(signed):
    """The first round's job in the place of the second's: it would start the program anew."""
    kept = []
    code = "print(await echo(value='x'))"
    answer = signed.meddle(lambda: start(signed.api, code, ECHO),
                           lambda redis, key: kept.append(redis.run("HGET", key, "payload"))).json
    reply = signed.meddle(lambda: go_on(signed.api, answer, results(answer["tool_calls"], lambda *_: "did x")),
                          lambda redis, key: redis.run("HSET", key, "payload", kept[0]))
    assert reply.json["status"] == "error", reply
    assert reply.json["error"] == "Execution failed or timed out"


@pytest.mark.parametrize("what", ["program", "result"])
def test_rewriting_what_is_known_between_rounds(signed, what):
    """A program whose worker is lost is run again from its record, which is in Redis too."""
    queue = {"CODEAPI_REDIS_PREFIX": f"record-{what}:", "CODEAPI_QUEUE_LEASE": "2s"}
    checks = {"SANDBOX_EXECUTION_MANIFEST_PUBLIC_KEY": signed.keys[0].public, **queue}
    worker = signed.add(Worker, **checks)
    api = signed.add(Api, CODEAPI_EXECUTION_MANIFEST_PRIVATE_KEY=signed.keys[0].private, **queue)
    answer = start(api, "print(await echo(value='x'))\nprint(await echo(value='y'))", ECHO).json
    answer = go_on(api, answer, results(answer["tool_calls"], lambda *_: "did x")).json
    assert answer["status"] == "tool_call_required", answer
    worker.kill()
    with Resp(signed.stack.redis) as redis:
        found = [(key, redis.run("GET", key)) for key in redis.keys(f"record-{what}:*tools:*")
                 if redis.run("TYPE", key) == b"string"]
        program, = [pair for pair in found if b"await echo" in pair[1]]
        result, = [pair for pair in found if pair[1].endswith(b'"did x"')]
        if what == "program":
            redis.run("SET", program[0], program[1].replace(b"value='y'", b"value='z'"), "KEEPTTL")
        else:
            redis.run("SET", result[0], result[1].replace(b"did x", b"forged"), "KEEPTTL")
    second = signed.add(Worker, **checks)
    reply = go_on(api, answer, results(answer["tool_calls"], lambda *_: "did y"))
    if what == "program":
        assert (reply.status, reply.json) == (404, {"error": "Execution not found or expired"}), reply
    else:
        assert reply.json["status"] == "error" and "forged" not in reply.body.decode(), reply
        assert "is not what was written" in said(api, "round not answered")[-1]["detail"]
    for process in (api, second):
        process.destroy()


# -- clocks and keys ---------------------------------------------------------------------------------

@pytest.mark.parametrize("early, late, reason", [(20, 600, None), (50, 600, "not_yet_valid"), (-900, -10, None),
                                                 (-900, -50, "expired")])
def test_clocks_may_differ_by_half_a_minute(signed, tmp_path, early, late, reason):
    """Issued `early` seconds from now, good until `late` seconds from now, by the API's clock."""
    def shift(job):
        claims, now = job.claims, int(time.time())
        claims["iat"], claims["exp"] = now + early, now + late
        job.token = signed.keys[0].sign(claims, tmp_path)
    reply = signed.meddle(signed.exec, change_payload(shift))
    if reason is None:
        assert reply.json["stdout"] == "secret\n", reply
    else:
        expect_refused(signed, reply, reason)


def test_a_key_is_changed_without_stopping(signed):
    first, second = signed.keys
    queue = {"CODEAPI_REDIS_PREFIX": "rotation:"}
    both = {**queue, "SANDBOX_EXECUTION_MANIFEST_PUBLIC_KEY": first.public + "," + second.public}
    worker = signed.add(Worker, **both)
    old = signed.add(Api, CODEAPI_EXECUTION_MANIFEST_PRIVATE_KEY=first.private, **both)
    new = signed.add(Api, CODEAPI_EXECUTION_MANIFEST_PRIVATE_KEY=second.private.replace("\n", "\\n"), **both)
    for api in (old, new):
        assert api.exec_("bash", "echo hi")["stdout"] == "hi\n"
    answer = start(old, "print(await echo(value='x'))", ECHO).json
    answer = go_on(new, answer, results(answer["tool_calls"], lambda *_: "did x")).json
    assert answer["status"] == "completed" and answer["stdout"] == "did x\n", answer
    worker.destroy()
    worker = signed.add(Worker, SANDBOX_EXECUTION_MANIFEST_PUBLIC_KEY=second.public, **queue)
    assert new.exec_("bash", "echo hi")["stdout"] == "hi\n"
    assert old.post({"lang": "bash", "code": "echo hi"}).status == 502
    for process in (old, new, worker):
        process.destroy()


def test_signing_begins_without_stopping(signed):
    """Workers without keys pass manifests on, so that the API can sign before anybody checks."""
    queue = {"CODEAPI_REDIS_PREFIX": "begin:"}
    worker = signed.add(Worker, **queue)
    api = signed.add(Api, CODEAPI_EXECUTION_MANIFEST_PRIVATE_KEY=signed.keys[0].private, **queue)
    assert api.exec_("bash", "echo hi")["stdout"] == "hi\n"
    for process in (api, worker):
        process.destroy()


def test_an_api_that_does_not_sign_is_told(signed):
    queue = {"CODEAPI_REDIS_PREFIX": "unsigned:"}
    worker = signed.add(Worker, SANDBOX_EXECUTION_MANIFEST_PUBLIC_KEY=signed.keys[0].public, **queue)
    api = signed.add(Api, **queue)
    reply = api.post({"lang": "bash", "code": "echo hi"})
    assert (reply.status, reply.json) == (502, REFUSED), reply
    assert said(worker, "job refused")[-1]["detail"] == "Execution manifest is required"
    for process in (api, worker):
        process.destroy()
