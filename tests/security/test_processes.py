"""Attacks on processes and on CPU time (1–12): what exactly each one gets, and that nobody else notices."""

import pytest
from attack import assert_neighbour, assert_unharmed, attack, load, outcomes
from expect import ENDED, KILLED_BY_TIME, assert_answer, assert_process_limit, cpu_used_up, verdict
from harness import names
from waiting import Waiting

ATTACKS = {
    1: ("Fork bomb", "process limit of the cell (cgroup `pids`, `RLIMIT_NPROC`); init ends what is left"),
    2: ("Daemons in sessions of their own that change their pid all the time",
        "PID namespace: init kills and reaps until nothing is left"),
    3: ("Daemon that is deaf to every signal", "SIGKILL from init, which is PID 1"),
    4: ("Thread bomb", "threads count as processes"),
    5: ("Zombie flood", "zombies count as processes; init reaps them at the end"),
    6: ("Children that burn CPU time while the program waits",
        "CPU time is read from the cell's cgroup, over the whole tree"),
    7: ("Sleeping past the wall limit", "timer of the jailer, outside the cell"),
    8: ("Signals to everyone", "PID namespace; init has another user id and is PID 1"),
    9: ("Stopping itself and everything it reaches",
        "timer of the jailer; SIGKILL also ends what is stopped"),
    10: ("`prctl` tricks", "no capabilities, `no_new_privs`; the end of the PID namespace asks nobody"),
    11: ("Scheduling beyond its share",
         "no `CAP_SYS_NICE`, `RLIMIT_NICE` and `RLIMIT_RTPRIO` 0, I/O priority refused"),
    12: ("Endings made to look like another one",
         "verdicts come from the wait status and our own timers only"),
}


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


def test_04_threads_count_as_processes(server):
    answer = attack(server, "04_threads.c")
    assert_answer(answer)
    reason, made, forked = answer["stdout"].split()
    assert (reason, forked) == ("EAGAIN", "EAGAIN")
    assert_process_limit(server, int(made))


def test_05_zombies_count_as_processes(server):
    answer = attack(server, "05_zombies.c")
    assert_answer(answer)
    reason, made = answer["stdout"].split()
    assert reason == "EAGAIN"
    assert_process_limit(server, int(made))


@pytest.fixture(scope="module")
def one_cpu_second(make_module_server):
    return make_module_server({"SANDBOX_RUN_CPU_TIME": 1000})


@pytest.mark.cgroups
@pytest.mark.parametrize("how", ["child", "orphan", "ever new", "thread"])
def test_06_cpu_time_of_children_counts(one_cpu_second, how):
    answer = attack(one_cpu_second, "06_busy_child.py", [how], beside=False)
    assert_answer(answer, cpu_used_up(one_cpu_second), "")
    assert answer["cpu_time"] >= 1000


def test_07_sleep_past_the_wall_limit(server):
    answer = attack(server, "07_sleep.sh", timeout=1000)
    assert_answer(answer, KILLED_BY_TIME, "")
    assert answer["cpu_time"] < 1000


def test_08_signals_reach_nobody_but_the_programs_own(server):
    found = outcomes(attack(server, "08_signals.c", ["all"]))
    sent = {name: found.pop(name) for name in list(found) if name.startswith("init.")}
    assert len(sent) == 6 and set(sent.values()) == {"EPERM"}, sent
    # Asking for a SIGKILL to init at the next input is allowed. The kernel then does not send it.
    assert found == {"owner.write": "ok", "timer": "EINVAL", "others": "0", "nobody": "ESRCH",
                     "everybody": "ok", "child": "SIGKILL"}


@pytest.mark.parametrize("how", ["group", "parent"])
def test_08_a_program_that_kills_itself_is_reported_so(server, how):
    assert_answer(attack(server, "08_signals.c", [how]), (137, "SIGKILL", None, None), "")


def test_09_stopped_programs_end_at_the_wall_limit(server):
    assert_answer(attack(server, "09_stop.c", timeout=2000), KILLED_BY_TIME, "stopping\n")


def test_10_prctl_gives_nothing_back_and_keeps_nothing_alive(server):
    answer = attack(server, "10_prctl.c")
    found = outcomes(answer)
    own = ("dumpable.0", "pdeathsig", "subreaper")
    assert {name: found.pop(name) for name in own} == dict.fromkeys(own, "ok")
    # Refused by the kernel (for a wrong value, for a missing capability) or already by the filter.
    assert len(found) == 9 and set(found.values()) <= {"EINVAL", "EPERM", "ENOSYS"}, found
    assert names(answer) == ["left.txt"]


def test_11_no_more_of_the_processors_than_its_share(server):
    found = outcomes(attack(server, "11_scheduling.c"))
    assert found.pop("limits") == "0 0 0 0"
    assert (found.pop("nicer"), found.pop("idle")) == ("ok", "ok")
    # All processors is what it has; more it cannot get.
    assert found.pop("affinity") in ("EPERM", "ok")
    # Where there is Landlock nothing below /proc can be opened for writing.
    assert found.pop("autogroup") in ("EPERM", "EACCES")
    assert len(found) == 12 and set(found.values()) == {"EPERM"}, found


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
