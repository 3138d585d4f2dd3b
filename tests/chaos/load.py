"""The clients: each asks one thing after another, and knows what the right answer to its own number is."""

import hashlib
import http.client
import json
import random
import threading
import time

import rounds
from forms import Form, references

ANSWER_SECONDS = 150  # far longer than JOB_TIMEOUT and every wait of the service, on a machine that has other work
HONEST = (500, 502, 503, 504)
TRIES = 45  # of one round whose answer did not come; the lock of a dead api lives for 15 s
LOOK_SECONDS = 0.2
TOOLS = [rounds.tool("ask", "value")]
TOOL_PROGRAM = """
total = 0
for i in range(3):
    total += int(await ask(value=str({n} * 10 + i)))
open('/mnt/data/total-{n}.txt', 'w').write(str(total))
print({n}, total)
"""


class Wrong(Exception):
    """An answer that is neither right nor an honest error."""


class Honest(Exception):
    """An error that the service may answer when something is broken."""


class Load:
    """`count` clients from begin() to end(). `stage` has the apis."""

    def __init__(self, stage, ledger, seed, count=8):
        self.stage, self.ledger, self.seed, self.count = stage, ledger, seed, count
        self._stop = threading.Event()
        self._threads = []

    def begin(self):
        for number in range(self.count):
            self._threads.append(threading.Thread(target=self._client, args=(random.Random(f"{self.seed} {number}"),)))
            self._threads[-1].start()
        return self

    def end(self):
        """Returns when every client has the answer to its last request."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _client(self, rng):
        kinds = {self.bash: 4, self.slow: 4, self.python: 3, self.makes_file: 3, self.round_trip: 3, self.fetch: 2,
                 self.tools: 4, self.hangs_up: 1, self.node: 1}
        while not self._stop.is_set():
            kind = rng.choices(list(kinds), list(kinds.values()))[0]
            n = self.ledger.ask(kind.__name__)
            start = time.monotonic()
            try:
                if kind(self.stage.api(rng), n, rng) is not False:
                    self.ledger.is_right(kind.__name__, time.monotonic() - start)
            except Honest as error:
                self.ledger.is_honest(str(error))
                self._stop.wait(LOOK_SECONDS)  # as a client does that is told to come back later
            except Exception as error:  # whatever it is, it is not what the client was promised
                self.ledger.is_wrong(f"{kind.__name__} {n}: {type(error).__name__}: {str(error)[:700]}")

    # -- asking ---------------------------------------------------------------------------------------------

    def ask(self, api, method, path, body=None, content_type="application/json"):
        """One request; the answer, which is a 200."""
        try:
            reply = api.request(method, path, body, {"Content-Type": content_type} if body else {},
                                timeout=ANSWER_SECONDS)
        except TimeoutError:
            raise Wrong(f"no answer to {method} {path} within {ANSWER_SECONDS} s") from None
        except (OSError, http.client.HTTPException) as error:
            if not api.killed:
                raise Wrong(f"{method} {path}: the connection broke: {error!r}") from None
            raise Honest("connection error: its api was killed") from None
        if reply.status in HONEST:
            if reply.status == 503 and not reply.headers["Retry-After"] and "/programmatic" not in path:
                raise Wrong(f"503 without Retry-After: {reply}")
            raise Honest(f"{reply.status} {path.split('/')[2]} {_said(reply)}")
        if reply.status != 200:
            raise Wrong(f"{method} {path}: {reply}")
        return reply

    def run(self, api, lang, code, stdout, **more):
        answer = self.ask(api, "POST", "/v1/exec", json.dumps({"lang": lang, "code": code, **more}).encode()).json
        self.ledger.session(answer["session_id"])
        if (answer["stdout"], answer["code"]) != (stdout, 0):
            raise Wrong(f"not {stdout!r}: {json.dumps(answer)}")
        return answer

    def keep(self, answer, name, content):
        """The file of this name has to be in the answer, and can be fetched from now on."""
        file = [file for file in answer["files"] if file["name"] == name]
        delivery = answer.get("artifact_delivery")
        if not file and delivery and delivery["failed"] == 1:
            raise Honest(f"200 {delivery['code']}")  # what was printed is told nevertheless
        if len(file) != 1:
            raise Wrong(f"{name} is missing: {json.dumps(answer)}")
        key = file[0]["storage_session_id"], file[0]["id"]
        self.ledger.keep(*key, content)
        return key

    def download(self, api, key, content):
        body = self.ask(api, "GET", f"/v1/download/{key[0]}/{key[1]}?kind=user&id=local").body
        if body != content:
            raise Wrong(f"{key}: {len(body)} bytes {body[:60]!r}, not {len(content)} bytes {content[:60]!r}")

    # -- what they ask --------------------------------------------------------------------------------------

    def bash(self, api, n, rng):
        self.run(api, "bash", f"echo $(({n} * 3 + 1))", f"{n * 3 + 1}\n")

    def slow(self, api, n, rng):
        """Something to be running when a process dies."""
        self.run(api, "bash", f"sleep 1; echo slow $(({n} * 5))", f"slow {n * 5}\n")

    def python(self, api, n, rng):
        self.run(api, "py", f"print({n} ** 2, sum(range({n})))", f"{n ** 2} {sum(range(n))}\n")

    def node(self, api, n, rng):
        self.run(api, "js", f"console.log({n} * 7)", f"{n * 7}\n")

    def makes_file(self, api, n, rng):
        content = f"{n} " * rng.randrange(1, 20000)
        code = f"open('out-{n}.txt', 'w').write('{n} ' * {len(content) // len(f'{n} ')}); print('made', {n})"
        key = self.keep(self.run(api, "py", code, f"made {n}\n"), f"out-{n}.txt", content.encode())
        self.download(self.stage.api(rng), key, content.encode())

    def round_trip(self, api, n, rng):
        content = f"{n}:".encode() + rng.randbytes(rng.randrange(300000))
        form = Form((f"in-{n}.bin", content), kind="user", id="local")
        answer = self.ask(api, "POST", "/v1/upload", form.body(), form.content_type).json
        if answer["message"] != "success":
            raise Wrong(f"upload: {answer}")
        self.ledger.keep(answer["storage_session_id"], answer["files"][0]["fileId"], content)
        code = f"sha256sum < in-{n}.bin; cp in-{n}.bin copy-{n}.txt"
        ran = self.run(self.stage.api(rng), "bash", code, hashlib.sha256(content).hexdigest() + "  -\n",
                       files=references(answer, resource_id="local"))
        self.keep(ran, f"copy-{n}.txt", content)

    def fetch(self, api, n, rng):
        found = self.ledger.some_file(rng)
        if found:
            self.download(api, *found)

    def hangs_up(self, api, n, rng):
        """Nobody is there any more for the answer; what runs has to end."""
        self.ledger.hangs_up()
        connection = api.connect(ANSWER_SECONDS)
        try:
            connection.request("POST", "/v1/exec", json.dumps({"lang": "bash", "code": f"sleep 5; echo {n} > f"}),
                               {"Content-Type": "application/json"})
        except OSError:
            pass  # it may be dead
        finally:
            connection.close()
        return False

    def tools(self, api, n, rng):
        """A program with three rounds; each tool has its effect once, whoever dies meanwhile."""
        body = {"code": TOOL_PROGRAM.format(n=n), "tools": TOOLS, "lang": "python", "timeout": 15000}
        answer = self.ask(api, "POST", rounds.PATH, json.dumps(body).encode()).json
        done = []
        while answer["status"] == "tool_call_required":
            sent = []
            for call in answer["tool_calls"]:
                wanted = n * 10 + len(done)
                if call["id"] in done or int(call["input"]["value"]) != wanted:
                    raise Wrong(f"of {n}, after {done}, is asked for: {call}")
                done.append(call["id"])
                sent.append({"call_id": call["id"], "result": str(wanted * 2), "is_error": False})
            answer = self.goes_on(answer["continuation_token"], sent, rng)
        if answer["status"] != "completed":
            raise Honest(f"200 tools: {answer.get('error')} {answer.get('stderr', '')[:100]}")
        self.ledger.session(answer["session_id"])
        total = sum((n * 10 + i) * 2 for i in range(3))
        if answer["stdout"] != f"{n} {total}\n" or len(done) != 3:
            raise Wrong(f"not {total} after {done}: {json.dumps(answer)}")
        self.keep(answer, f"total-{n}.txt", str(total).encode())

    def goes_on(self, token, sent, rng):
        """The answer to these results; an error means to send them again, to whichever api."""
        body = json.dumps({"continuation_token": token, "tool_results": sent}).encode()
        last = ""
        for _ in range(TRIES):
            api = self.stage.api(rng)
            try:
                return self.ask(api, "POST", rounds.PATH, body).json
            except Wrong as error:
                if "Reply(409" not in str(error) or "retry shortly" not in str(error):
                    raise
                last = "409, another is in flight"
            except Honest as error:
                last = str(error)
            self.ledger.repeat()
            self.stage.pause(1)
        raise Honest(f"a round that was given up, at last because of: {last}")


def _said(reply):
    try:
        return reply.json.get("error") or reply.json.get("message")
    except (ValueError, AttributeError):
        return reply.body[:80].decode("utf-8", "replace")
