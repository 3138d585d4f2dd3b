"""Attacks on processes and on CPU time (1–12): what exactly each one gets, and that nobody else notices."""

import pytest
from attack import assert_neighbour, assert_unharmed, attack, load
from expect import ENDED, KILLED_BY_TIME, assert_answer, assert_process_limit, verdict
from waiting import Waiting


def test_01_fork_bomb_is_bounded(server):
    answer = attack(server, "01_fork_count.py")
    assert_answer(answer)
    reason, made = answer["stdout"].split()
    assert reason == "EAGAIN"
    assert_process_limit(server, int(made))


def test_01_fork_bomb_ends_at_the_wall_limit(server):
    assert_answer(attack(server, "01_fork_bomb.py", timeout=2000), KILLED_BY_TIME, "")


def test_01_fork_bomb_whose_client_leaves(server):
    bomb = Waiting(server, "wait_for_the_test()\n" + load("01_fork_bomb.py")[1], timeout=25000)
    bomb.release()
    assert_neighbour(server)
    bomb.hang_up()
    assert_unharmed(server)


def test_02_double_forked_daemons_do_not_survive(server):
    assert_answer(attack(server, "02_walking_daemons.c"), stdout="walking=20\n")


def test_03_daemon_that_ignores_every_signal_does_not_survive(server):
    assert_answer(attack(server, "03_deaf_daemon.py"), stdout="daemon runs\n")


def test_05_zombies_count_as_processes(server):
    answer = attack(server, "05_zombies.c")
    assert_answer(answer)
    reason, made = answer["stdout"].split()
    assert reason == "EAGAIN"
    assert_process_limit(server, int(made))


def test_07_sleep_past_the_wall_limit(server):
    answer = attack(server, "07_sleep.sh", timeout=1000)
    assert_answer(answer, KILLED_BY_TIME, "")
    assert answer["cpu_time"] < 1000


def test_09_stopped_programs_end_at_the_wall_limit(server):
    assert_answer(attack(server, "09_stop.c", timeout=2000), KILLED_BY_TIME, "stopping\n")


@pytest.mark.parametrize("how,expected", [
    ("137", (137, None, None, None)), ("124", (124, None, None, None)), ("139", (139, None, None, None)),
    ("255", (255, None, None, None)), ("SIGKILL", (137, "SIGKILL", None, None)),
    ("SIGTERM", (143, "SIGTERM", None, None)),
    ("SIGABRT", (134, "SIGABRT", None, None)), ("SIGQUIT", (131, "SIGQUIT", None, None)),
    ("SIGXCPU", (152, "SIGXCPU", None, None)), ("segv", (139, "SIGSEGV", None, None))])
def test_12_endings_are_told_apart(server, how, expected):
    answer = attack(server, "12_endings.py", [how], beside=False)
    assert verdict(answer) == expected
    assert answer["stderr"] == "" and answer["files"] == []
