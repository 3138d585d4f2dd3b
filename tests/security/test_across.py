"""Attacks from one execution on another, beside it or after it (60–65)."""

import secrets

from attack import assert_unharmed, load
from expect import ENDED, assert_answer, verdict
from waiting import Waiting


def test_60_two_programs_at_once_see_nothing_of_each_other(server):
    mark = "mark-" + secrets.token_hex(8)
    first = Waiting(server, load("60_plant.py")[1], args=[mark])
    try:
        answer = server.exec_("py", load("60_look.py")[1], args=[mark[::-1]])
        assert_answer(answer, stdout="abstract ECONNREFUSED\nfound []\n")
    finally:
        first.release()
    reply = first.reply()
    assert reply.status == 200 and verdict(reply.json) == ENDED and reply.json["stderr"] == "", reply
    assert_unharmed(server)


def test_62_the_next_program_inherits_nothing(make_module_server):
    it = make_module_server({"SANDBOX_MAX_CONCURRENT_JOBS": 1, "CODEAPI_POOL_SIZE": 1})
    mark = "mark-" + secrets.token_hex(8)
    left = it.exec_("py", load("62_leave.py")[1], args=[mark])
    assert verdict(left) == ENDED, left
    used = left["stdout"].split()[1]
    seen = set()
    # As many executions as there are user ids, so that the first one's is used again.
    for _ in range(80):
        answer = it.exec_("py", load("62_inherit.py")[1], args=[mark[::-1]])
        facts = dict(line.split(" ", 1) for line in answer["stdout"].splitlines())
        assert (facts["left"], facts["umask"]) == ("[]", "0o77"), answer
        assert answer["memory"] < left["memory"] / 2
        seen.add(facts["uid"])
        if used in seen:
            break
    assert used in seen, f"the user id {used} was not used again; seen: {sorted(seen)}"
    assert_unharmed(it)
