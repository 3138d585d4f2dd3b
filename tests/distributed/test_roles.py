"""The API and the workers as processes of their own, with Redis, S3 and a file server between them."""

import json
import re
import subprocess
import threading

import pytest
from forms import references, upload
from harness import ID, Api, Worker, binary, by_name, clean_environment, until

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
# One sample of Prometheus's text format: name, labels, value.
SAMPLE = re.compile(r'([a-z_:][a-z0-9_:]*)(?:\{(.*)\})? (\S+)')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


def samples(process):
    """(name, labels, value) of everything at /metrics."""
    reply = process.get("/metrics")
    assert reply.status == 200 and reply.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found = []
    for line in reply.body.decode().splitlines():
        if line.startswith("#"):
            continue
        match = SAMPLE.fullmatch(line)
        assert match, line
        found.append((match[1], dict(LABEL.findall(match[2] or "")), float(match[3])))
    return found


def value(process, wanted, **labels):
    """The sum of the samples of this name that have these labels."""
    return sum(v for name, found, v in samples(process) if name == wanted and labels.items() <= found.items())


def events(process, trace):
    """The JSON lines of a process's log that belong to a trace."""
    with process._changed:
        lines = list(process.lines)
    logged = [json.loads(line) for line in lines if line.startswith("{")]
    return [event for event in logged if event.get("trace") == trace]


def test_a_program_runs_over_either_api(stack):
    for number, api in enumerate(stack.apis):
        assert api.exec_("bash", f"echo from {number}")["stdout"] == f"from {number}\n"


def test_a_file_of_one_api_is_the_others_too(stack):
    one, other = stack.apis
    large = bytes(range(256)) * 8000
    answer = upload(one, ("table.csv", b"1,2\n"), ("large.bin", large))
    session, ids = answer["storage_session_id"], [file["fileId"] for file in answer["files"]]
    assert other.get(f"/v1/download/{session}/{ids[1]}").body == large
    ran = other.exec_("bash", "cat table.csv; echo made > made.txt", files=references(answer))
    assert ran["stdout"] == "1,2\n"
    assert one.download(by_name(ran)["made.txt"]).body == b"made\n"


def test_many_at_once_over_both(stack):
    answers = [None] * 24

    def run(i):
        answers[i] = stack.apis[i % 2].exec_("bash", f"echo {i}")["stdout"]

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(answers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [f"{i}\n" for i in range(len(answers))]


def test_a_worker_that_is_stopped_hands_its_jobs_back(stack):
    """What runs beyond the grace period runs again, from its start, on another worker; its client sees one answer."""
    # Alone at first, so that it is this worker that takes the job.
    with stack_of_one_worker(stack, grace="1ms") as (api, first, add_worker):
        outcome = []
        client = threading.Thread(target=lambda: outcome.append(
            api.exec_("bash", "echo begun; sleep 4; echo done", timeout=30000)))
        client.start()
        until(lambda: value(first, "codeapi_active_jobs", language="bash") == 1, "the job is not taken")
        second = add_worker()
        assert first.stop() == 0, first.log()
        client.join()
        assert outcome and outcome[0]["stdout"] == "begun\ndone\n"
        assert value(second, "codeapi_jobs_completed_total", language="bash") == 1


class stack_of_one_worker:
    """An API and a worker with a queue of their own (a prefix in the same Redis)."""

    def __init__(self, stack, grace):
        self.settings = {**stack.shared(), "CODEAPI_REDIS_PREFIX": "one:", "CODEAPI_SHUTDOWN_GRACE": grace}
        self.made = []

    def __enter__(self):
        worker, api = self.add_worker(), Api(self.settings)
        self.made.append(api)
        return api.start(), worker, self.add_worker

    def add_worker(self):
        self.made.append(Worker(self.settings))
        return self.made[-1].start()

    def __exit__(self, *_):
        for process in reversed(self.made):
            process.destroy()


def test_a_worker_lets_a_short_program_end(stack):
    with stack_of_one_worker(stack, grace="20s") as (api, worker, _):
        outcome = []
        client = threading.Thread(target=lambda: outcome.append(api.exec_("bash", "sleep 1; echo done")))
        client.start()
        until(lambda: value(worker, "codeapi_active_jobs", language="bash") == 1, "the job is not taken")
        assert worker.stop() == 0, worker.log()
        client.join()
        assert outcome and outcome[0]["stdout"] == "done\n"


def test_metrics_of_every_role_hold_numbers_and_no_ids(stack):
    api = stack.apis[0]
    answer = upload(api, ("a.txt", b"x"))
    ran = api.exec_("py", "print(1)")
    ids = {answer["storage_session_id"], answer["files"][0]["fileId"], ran["session_id"]}
    for process in stack.processes():
        samples(process)  # so that one request has been answered before the scrape that counts it
        until(lambda: value(process, "codeapi_http_requests_total") > 0, f"{process.role} counts no requests")
        found = samples(process)
        for name, labels, _ in found:
            for text in labels.values():
                assert text not in ids and not ID.fullmatch(text), (name, labels)
                assert len(text) < 64, (name, labels)
    assert value(api, "codeapi_jobs_submitted_total", language="py") >= 1
    assert value(api, "codeapi_store_seconds_count", store="state") > 0
    for worker in stack.workers:
        assert value(worker, "codeapi_queue_up") == 1 and value(worker, "codeapi_worker_running") == 1
    total = sum(value(worker, "codeapi_jobs_completed_total", language="py") for worker in stack.workers)
    assert total >= 1
    assert sum(value(worker, "codeapi_verdicts_total", language="py") for worker in stack.workers) == total
    assert sum(value(worker, "codeapi_cell_setup_seconds_count") for worker in stack.workers) > 0
    assert value(stack.file_server, "codeapi_file_uploads_total") >= 1


def test_health_of_every_role(stack):
    for api in stack.apis:
        assert (api.get("/v1/health").status, api.get("/v1/health").body) == (200, b"OK")
    for worker in stack.workers:
        assert worker.get("/health").json["status"] == "healthy"
        assert worker.get("/ready").body == b"ready" and worker.get("/live").status == 200
    assert stack.file_server.get("/ready").json["status"] == "ready"


def test_a_redis_that_answers_nothing_is_seen_soon_and_forgotten_when_it_is_back(stack):
    stack.redis.pause()
    try:
        for api in stack.apis:
            assert api.get("/v1/health", timeout=10).status == 503
            reply = api.post({"lang": "bash", "code": "echo no"}, timeout=20)
            assert reply.status == 503 and reply.headers["Retry-After"], reply
        for worker in stack.workers:
            assert worker.get("/ready", timeout=10).status == 503
            assert worker.get("/live", timeout=10).status == 200
        assert value(stack.workers[0], "codeapi_queue_up") == 0
    finally:
        stack.redis.resume()
    for process, path in [*((api, "/v1/health") for api in stack.apis),
                          *((worker, "/ready") for worker in stack.workers)]:
        until(lambda: process.get(path).status == 200, f"{process.role} does not recover")
    for api in stack.apis:
        assert api.exec_("bash", "echo again")["stdout"] == "again\n"


def test_one_trace_through_all_of_them(stack):
    api = stack.apis[0]
    uploaded = upload(api, ("in.txt", b"in"))
    headers = {"Content-Type": "application/json", "traceparent": f"00-{TRACE}-{PARENT}-01",
               "X-Request-ID": "the-request"}
    body = {"lang": "bash", "code": "cat in.txt > out.txt", "files": references(uploaded)}
    reply = api.request("POST", "/v1/exec", json.dumps(body), headers)
    assert reply.status == 200 and by_name(reply.json)["out.txt"], reply
    execution = reply.json["session_id"]

    answered = until(lambda: [e for e in events(api, TRACE) if e["event"] == "execution answered"], api.log)
    assert answered[0]["execution"] == execution and answered[0]["request"] == "the-request"
    ended = until(lambda: [e for worker in stack.workers for e in events(worker, TRACE)
                           if e["event"] == "execution ended"], "no worker logged it")
    assert len(ended) == 1 and ended[0]["execution"] == execution
    assert ended[0]["tenant"] == answered[0]["tenant"] and re.fullmatch(r"[\w-]{16}", ended[0]["tenant"])
    served = until(lambda: [e for e in events(stack.file_server, TRACE) if e["event"] == "request"],
                   stack.file_server.log)
    assert {event["method"] for event in served} >= {"GET", "PUT"}
    spans = {event["span"] for process in stack.processes() for event in events(process, TRACE) if "span" in event}
    assert PARENT not in spans
    # Neither the code nor a file's name is in any log.
    for process in stack.processes():
        assert "out.txt" not in process.log() and "cat in" not in process.log()


def test_a_traceparent_that_is_none_is_replaced(stack):
    api = stack.apis[0]
    for bad in ("00-" + "0" * 32 + f"-{PARENT}-01", f"00-{TRACE.upper()}-{PARENT}-01", "x" * 1000):
        reply = api.request("POST", "/v1/exec", json.dumps({"lang": "bash", "code": "true"}),
                            {"Content-Type": "application/json", "traceparent": bad, "X-Request-ID": "bad-trace"})
        assert reply.status == 200
    def logged():
        with api._changed:
            return [json.loads(line) for line in api.lines if "bad-trace" in line and "execution answered" in line]
    # A line may come a moment after its answer.
    lines = until(lambda: len(found := logged()) >= 3 and found, "each is logged")
    traces = {line["trace"] for line in lines}
    assert len(lines) == 3 and len(traces) == 3 and all(re.fullmatch("[0-9a-f]{32}", trace) for trace in traces)


@pytest.mark.parametrize("role", ["api", "worker"])
def test_alone_a_role_says_what_it_needs(role):
    for environment, missing in (({}, "REDIS_HOST"), ({"REDIS_HOST": "127.0.0.1"}, "FILE_SERVER_URL")):
        ended = subprocess.run([binary(), role], env=clean_environment(**environment), capture_output=True,
                               text=True, timeout=60)
        assert ended.returncode == 1 and missing in ended.stderr and "codeapi: " in ended.stderr


def test_roles_wait_for_a_redis_that_is_not_up_yet(stack):
    nowhere = {**stack.shared(), "REDIS_PORT": 1}
    for process, path in ((Api(nowhere), "/v1/health"), (Worker(nowhere), "/ready")):
        process.ready = f"codeapi: listening on http://127.0.0.1:{process.port}"
        try:
            process.start()
            assert process.get(path).status == 503
            until(lambda: "waiting for the queue" in process.log(), process.log)
            assert process.stop() == 0, process.log()
        finally:
            process.destroy()
