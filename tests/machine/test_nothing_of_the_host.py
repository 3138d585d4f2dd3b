"""What /proc and the mounts tell, and what of a program is left outside its cell."""

import os
import pathlib
import secrets
import socket
import subprocess
import sys
import textwrap

import census
from harness import rootless
from program import run
from waiting import Waiting

MASKED = ["buddyinfo", "cgroups", "cmdline", "consoles", "crypto", "devices", "diskstats", "interrupts", "iomem",
          "ioports", "key-users", "keys", "locks", "misc", "modules", "partitions", "slabinfo", "softirqs", "swaps",
          "timer_list", "version", "vmstat", "zoneinfo", "sys/kernel/core_pattern"]
READ = """
    for name in {names!r}:
        try:
            text = open("/proc/" + name).read()
        except OSError:
            continue
        if text: print(name, text[:200])
"""


def test_the_kernels_files_say_nothing(server):
    assert run(server, "py", READ.format(names=MASKED)) == ""


def test_processes_outside_cannot_be_seen(server):
    """A process of the host with a name nobody else has, and a program in another cell."""
    mark = "outside" + secrets.token_hex(4)
    outside = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()", mark])
    other = Waiting(server, f"import os; mine = {mark!r}\nwait_for_the_test()")
    try:
        assert run(server, "py", """
            import os, sys
            mark, seen = sys.argv[1][::-1], []
            for pid in filter(str.isdigit, os.listdir("/proc")):
                seen.append(open(f"/proc/{pid}/cmdline").read().split("\\0")[-2])
                assert mark not in open(f"/proc/{pid}/environ").read()
            alive = []
            for pid in range(1, 3000):
                try:
                    os.kill(pid, 0)
                    alive.append(pid)
                except ProcessLookupError: pass
                except PermissionError: alive.append(-pid)
            print(len(seen), seen == [sys.argv[1]], [pid for pid in alive if pid not in (-1, os.getpid())])
            """, args=[mark[::-1]]) == "1 True []\n"
    finally:
        outside.kill()
        outside.wait()
        other.release()
        other.reply()


def test_mounts_name_only_the_root_and_the_cell(server):
    lines = run(server, "bash", "cat /proc/self/mountinfo; cat /proc/self/mounts /proc/self/mountstats").splitlines()
    mounts = [line.split(" - ") for line in lines if " - " in line]
    usr_device = {line.split()[0] for line in pathlib.Path("/proc/mounts").read_text().splitlines()}
    for left, right in mounts:
        root, at = left.split()[3:5]
        kind, source, options = right.split(" ", 2)
        host_device = rootless() and kind == "devtmpfs" and root in ("/null", "/zero", "/full", "/random", "/urandom")
        assert (source in ("root", "cell", "proc")) or source in usr_device, left
        if source == "cell":
            assert root in ("/data", "/tmp", "/shm", "/meminfo", "/passwd", "/group"), left
        elif source not in ("root", "proc"):
            # Cells show this machine's own /usr, under its own name; an ordinary user's also its devices.
            assert root == at or host_device, left
        for word in ("upperdir", "workdir", "devtmpfs"):
            assert word not in right or host_device, right
    text = "\n".join(lines)
    for secret in (str(server.directory), str(server.data_dir), os.getcwd(), "/build/", "codeapi-test"):
        assert secret not in text
    if len(socket.gethostname()) > 3:
        assert socket.gethostname() not in text


def test_the_cells_cgroup_is_the_root(server):
    lines = run(server, "bash", "cat /proc/self/cgroup; cat /proc/self/cpuset 2>/dev/null; ls /sys 2>&1 | wc -l")
    assert {line.rsplit(":", 1)[-1] for line in lines.splitlines()[:-1]} == {"/"}, lines


def test_only_its_own_descriptors_and_links(server):
    assert run(server, "py", """
        import os
        links = {fd: os.readlink(f"/proc/self/fd/{fd}") for fd in ("0", "1", "2")}
        print(links["0"], links["1"].split(":")[0], links["2"].split(":")[0], sorted(os.listdir("/proc/self/fd"))[:4])
        print(os.readlink("/proc/self/cwd"), os.readlink("/proc/self/root"), os.readlink("/proc/self/exe"))
        """) == "/dev/null pipe pipe ['0', '1', '2', '3']\n/mnt/data / " + os.path.realpath("/usr/bin/python3") + "\n"


LEAVE = """
import os, socket, subprocess
from multiprocessing import shared_memory
for at in ("/tmp", "/dev/shm", "/mnt/data"):
    os.mkdir(at + "/directory")
    open(at + "/directory/file.txt", "w").close()
shared_memory.SharedMemory("left", create=True, size=1 << 20).close()
listener = socket.socket(socket.AF_UNIX); listener.bind("\\0left"); listener.listen()
subprocess.Popen(["sleep", "1000"], start_new_session=True)
subprocess.run(["ipcmk", "-M", "4096", "-S", "1", "-Q"], capture_output=True)  # refused or not
"""


def owned(paths, first):
    """The files on this machine's own file systems that have a user or group id of the server's programs."""
    ids = range(first, first + 64)
    found = []
    for top in paths:
        for at, below, files in os.walk(top):
            for name in [*below, *files]:
                try:
                    info = os.lstat(os.path.join(at, name))
                except OSError:
                    continue
                if info.st_uid in ids or info.st_gid in ids:
                    found.append(os.path.join(at, name))
            below[:] = [name for name in below if not os.path.ismount(os.path.join(at, name))]
    return found


def ipc_objects(first):
    """The System V and POSIX objects of this machine that such an id owns, one line each."""
    found = []
    for kind in ("shm", "sem", "msg"):
        rows = [line.split() for line in pathlib.Path("/proc/sysvipc", kind).read_text().splitlines()]
        columns = [rows[0].index(name) for name in ("uid", "cuid")] if rows else []
        found += [row for row in rows[1:] if any(first <= int(row[column]) < first + 64 for column in columns)]
    return found


def test_a_program_owns_nothing_outside(server):
    for _ in range(3):
        # Whether Python's resource tracker still comes to complain about what is left is chance.
        answer = server.exec_("py", textwrap.dedent(LEAVE))
        assert (answer["code"], answer["status"]) == (0, None), answer
    server.census.assert_idle()
    assert census.programs_of(server) == {}
    assert ipc_objects(server.uid_base) == []
    # Where programs could have written on the host, were their cell not their own.
    assert owned(["/tmp", "/var/tmp", "/dev/shm", "/run", str(server.directory)], server.uid_base) == []
    assert "@left" not in pathlib.Path("/proc/net/unix").read_text()
