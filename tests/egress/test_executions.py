"""Whole executions whose worker reaches files through the gateway only."""

import json
import os
import re
import signal
import subprocess
import threading

import census
from guarded import redis_command
from harness import by_name, reference, until
from rounds import play, tool
from waiting import Waiting

ECHO = [tool("echo", "value")]


def metric(server, text):
    found = re.search(rf"^{re.escape(text)} (\S+)$", server.get("/metrics").body.decode(), re.MULTILINE)
    return float(found.group(1)) if found else 0.0


def busy(worker):
    return re.search(r"^codeapi_active_jobs\{[^}]*\} [1-9]", worker.get("/metrics").body.decode(), re.MULTILINE)


def requests(gateway, kind, outcome="ok"):
    return metric(gateway, f'codeapi_egress_requests_total{{kind="{kind}",outcome="{outcome}"}}')


def test_inputs_and_outputs_pass_the_gateway(guarded):
    api, gateway = guarded.apis[0], guarded.gateway
    minted, down, up = requests(gateway, "mint"), requests(gateway, "download"), requests(gateway, "upload")
    first = api.exec_("py", "open('/mnt/data/one.txt','w').write('one'); open('/mnt/data/big.bin','wb').write(b'x'*3_000_000)"
                            "; open('/mnt/data/big.csv','w').write('y'*3_000_000)")
    made = by_name(first)
    assert set(made) == {"one.txt", "big.csv"}
    second = api.exec_("py", "print(open('one.txt').read(), len(open('big.csv').read()))\nopen('two.txt','w').write('two')",
                       files=[reference(made["one.txt"]), reference(made["big.csv"])])
    assert second["stdout"] == "one 3000000\n"
    assert api.download(by_name(second)["two.txt"]).body == b"two"
    assert api.download(made["big.csv"]).body == b"y" * 3_000_000
    assert requests(gateway, "mint") == minted + 2
    assert requests(gateway, "download") == down + 2
    assert requests(gateway, "upload") == up + 3


def test_every_grant_ends_and_so_does_every_key(guarded):
    api, gateway = guarded.apis[0], guarded.gateway
    minted, revoked = requests(gateway, "mint"), requests(gateway, "revoke")
    api.exec_("bash", "echo 1")
    assert requests(gateway, "mint") == minted + 1
    assert requests(gateway, "revoke") == revoked + 1, "it is given back before the answer"
    keys = redis_command(guarded.redis, "KEYS", "codeapi-egress:*").split("\n")
    assert keys and not [key for key in keys if key.endswith(":lease")]
    for key in keys:
        assert int(redis_command(guarded.redis, "PTTL", key)) > 0, key


def test_a_gateway_that_is_away_is_said_so(guarded):
    api = guarded.apis[0]
    guarded.gateway.kill()
    reply = api.post({"lang": "bash", "code": "echo 1"})
    assert (reply.status, reply.json["error"]) == (503, "egress_gateway_unavailable"), reply
    guarded.restart_gateway()
    assert api.exec_("bash", "echo 1")["stdout"] == "1\n"


def test_a_gateway_killed_while_a_program_runs_costs_its_files_and_says_so(guarded):
    api = guarded.apis[0]
    program = Waiting(api, "wait_for_the_test()\nopen('/mnt/data/made.txt','w').write('made')\nprint('ran')")
    guarded.gateway.kill()
    program.release()
    reply = program.reply()
    assert reply.status == 200 and reply.json["stdout"] == "ran\n", reply
    assert reply.json["files"] == [], reply
    assert reply.json["artifact_delivery"]["status"] != "complete", reply
    guarded.restart_gateway()
    assert api.exec_("bash", "echo 1")["stdout"] == "1\n"


def test_rounds_of_a_program_share_its_files(guarded):
    api, gateway = guarded.apis[0], guarded.gateway
    one = by_name(api.exec_("py", "open('/mnt/data/in.txt','w').write('in')"))["in.txt"]
    counted = requests(gateway, "tool_calls")
    answer, history = play(
        api, "print(open('/mnt/data/in.txt').read())\nfor i in range(3):\n    print(await echo(value=str(i)))\n"
             "open('/mnt/data/out.txt','w').write('out')",
        ECHO, lambda name, given: "did " + given["value"], files=[reference(one)])
    assert answer["status"] == "completed", answer
    assert answer["stdout"] == "in\ndid 0\ndid 1\ndid 2\n"
    assert api.download(by_name(answer)["out.txt"]).body == b"out"
    assert requests(gateway, "tool_calls") == counted + len(history) == counted + 3


def test_a_worker_that_died_is_followed_once_its_lease_has_ended(guarded):
    api, gateway = guarded.apis[0], guarded.gateway
    program = Waiting(api)
    keeper = until(lambda: next((worker for worker in guarded.workers if busy(worker)), None), "a worker runs it")
    minted = requests(gateway, "mint")
    keeper.kill()
    guarded.workers.remove(keeper)
    keeper.destroy()
    guarded.add_worker()
    again = until(lambda: next((pid for pid in [census.named(program.name)] if pid and pid != program.pid), None),
                  "it runs again", 40)
    os.kill(again, signal.SIGUSR1)
    reply = program.reply()
    assert reply.status == 200 and reply.json["stdout"] == "released\n", reply
    assert requests(gateway, "mint") == minted + 1


def test_who_holds_the_queue_cannot_have_it_run_again(guarded):
    """A signed job that is put back into the queue, as its owner could, is not run a second time."""
    api, redis = guarded.apis[0], guarded.redis
    watched = subprocess.Popen(["redis-cli", "-p", str(redis.port), "--no-auth-warning", "monitor"], text=True,
                               stdout=subprocess.PIPE, env={"REDISCLI_AUTH": redis.password, "PATH": "/usr/bin:/bin"})
    try:
        assert watched.stdout.readline() == "OK\n"
        api.exec_("bash", "echo once-and-never-again")
        token = next(found.group(1) for line in watched.stdout if "evalsha" in line.lower() or "eval" in line.lower()
                     for found in [re.search(r"(eyJ[A-Za-z0-9_-]{100,}\.[A-Za-z0-9_-]{86})", line)] if found)
    finally:
        watched.kill()
        watched.wait()
        watched.stdout.close()
    reply = guarded.gateway.request("POST", "/internal/egress-grants", json.dumps({"manifest": token}),
                                    {"X-CodeAPI-Internal-Token": guarded.token})
    assert (reply.status, reply.headers["X-CodeAPI-Egress-Error"]) == (409, "finished"), reply


def test_many_at_once(guarded):
    api = guarded.apis[0]
    seen = []

    def one(i):
        seen.append(api.exec_("bash", f"echo {i} > /mnt/data/f{i}.txt; echo {i}"))
    threads = [threading.Thread(target=one, args=(i,)) for i in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 24
    for answer in seen:
        assert api.download(answer["files"][0]).body.strip().decode() == answer["stdout"].strip()
