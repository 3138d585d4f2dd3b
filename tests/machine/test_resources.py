"""The machine a program sees is its cell: CPUs, memory, disk, processes."""

import os

import pytest

from harness import rootless
from program import facts, run

MEMORY = 512 << 20
ALL_CPUS = len(os.sched_getaffinity(0))
CPUS = """
    import json, multiprocessing, os, subprocess
    shell = lambda command: int(subprocess.check_output(command, shell=True))
    node = "const os = require('os'); console.log(JSON.stringify([os.cpus().length, os.availableParallelism()]))"
    print(os.cpu_count(), len(os.sched_getaffinity(0)), multiprocessing.cpu_count(), shell("nproc"),
          shell("grep -c ^processor /proc/cpuinfo"), shell("grep -c '^cpu[0-9]' /proc/stat"),
          *json.loads(subprocess.check_output(["node", "-e", node])))
"""


def test_all_cpus_by_default(server):
    assert set(run(server, "py", CPUS).split()) == {str(ALL_CPUS)}


@pytest.mark.cgroups
@pytest.mark.parametrize("setting, seen", [("1", 1), ("0.5", 1), ("1.5", 2)])
def test_as_many_cpus_as_may_be_used(make_server, setting, seen):
    it = make_server({"CODEAPI_SANDBOX_CPUS": setting})
    assert set(run(it, "py", CPUS).split()) == {str(min(seen, ALL_CPUS))}
    # A program cannot give itself more.
    assert run(it, "py", """
        import os
        before = os.sched_getaffinity(0)
        try:
            os.sched_setaffinity(0, range(1024))
        except OSError:
            pass
        print(os.sched_getaffinity(0) == before)
        """) == "True\n"


def test_memory_is_the_limit(server):
    found = facts(server, "bash", """
        free -b | awk '/Mem:/ {print "free", $2}'; free -b | awk '/Swap:/ {print "swap", $2}'
        awk '/MemTotal/ {print "meminfo", $2 * 1024}' /proc/meminfo
        awk '/MemAvailable/ {print "available", $2 * 1024}' /proc/meminfo
        node -p '"node " + require("os").totalmem()'
        top -bn1 | awk '/^MiB Mem/ {print "top", $4}'
        """)
    assert found == {"free": str(MEMORY), "swap": "0", "meminfo": str(MEMORY), "available": str(MEMORY),
                     "node": str(MEMORY), "top": f"{MEMORY / (1 << 20):.1f}"}


def test_the_disk_is_the_workspace(server):
    assert run(server, "bash", """
        for at in . /tmp /dev/shm; do df -B1 --output=size,source $at | tail -n1; done
        df --output=itotal . | tail -n1
        """).split() == [str(512 << 20), "cell"] * 3 + ["20000"]


def test_processes_are_its_own(server):
    assert run(server, "bash", """
        sleep 1000 & ps -eo user=,pid=,comm= | awk '$3 != "ps" && $3 != "awk" {print $1, $3}'
        ps aux | awk 'NR > 1 && $11 != "ps" && $11 != "awk" {print $11}'; pgrep -c sleep; pidof sleep | wc -w
        top -bn1 | awk '/^ *[0-9]/ {print $2}' | sort -u; pkill sleep; ls -d /proc/[0-9]* | grep '/1$' | wc -l
        """).splitlines() == \
        ["sandbox bash", "sandbox sleep", "/bin/bash", "sleep", "1", "1", "sandbox", "0"]


def test_times_make_sense(server):
    """`ps` reckons the start of a process from the boot time in /proc/stat."""
    assert run(server, "py", """
        import os, subprocess, time
        started = subprocess.check_output(["ps", "-o", "lstart=", "-p", str(os.getpid())], text=True)
        print(abs(time.mktime(time.strptime(started.strip())) - time.time()) < 60)
        print(subprocess.check_output(["uptime"], text=True).split("load average: ")[1].strip())
        print(time.process_time() > 0, time.monotonic() > 0)
        """) == "True\n0.00, 0.00, 0.00\nTrue True\n"


def test_limits_are_told(server):
    # An ordinary user's cell counts its init as the same user's.
    processes = "129" if rootless() else "128"
    assert run(server, "bash", "ulimit -n; ulimit -u; ulimit -c; ulimit -s; ulimit -f; ulimit -l").split() == \
        ["2048", processes, "0", "8192", str((100 << 20) // 1024), "0"]
