"""What a server has on the machine, read from outside its cells: processes, user ids, control groups."""

import os
import pathlib

from harness import Server, until

PROC = pathlib.Path("/proc")
CGROUP = pathlib.Path("/sys/fs/cgroup")


def status_of(pid):
    """The fields of /proc/PID/status, or None when the process has gone."""
    try:
        text = (PROC / str(pid) / "status").read_text()
    except OSError:
        return None
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def pids():
    return [int(entry) for entry in os.listdir(PROC) if entry.isdigit()]


def tree(root):
    """pid → status fields of `root` and all its descendants."""
    table = {pid: status for pid in pids() if (status := status_of(pid))}
    found, grown = {root}, True
    while grown:
        more = {pid for pid, status in table.items() if int(status["PPid"]) in found} - found
        found, grown = found | more, bool(more)
    return {pid: table[pid] for pid in found if pid in table}


def start_time(pid):
    """When a process began, in ticks since boot: with its pid this names it for ever. None if it has gone."""
    try:
        return int((PROC / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()[19])
    except (OSError, IndexError):
        return None


def of_uids(first, count=64):
    """The processes, zombies too, that have one of the user ids of a server's programs."""
    found = {}
    for pid in pids():
        status = status_of(pid)
        if status and any(first <= int(uid) < first + count for uid in status["Uid"].split()):
            found[pid] = status["Name"].strip()
    return found


def name(pid):
    """The name of a process, or None when it has gone."""
    status = status_of(pid)
    return status and status["Name"].strip()


def waiting(server):
    """{pid: status} of the server's interpreters that wait for a program, each in a cell. They are traced, which no
    program can have done to itself or to another one."""
    return {pid: status for pid, status in tree(server.process.pid).items()
            if int(status["TracerPid"]) != 0 and int(status["Uid"].split()[0]) >= server.uid_base}


def programs_of(server):
    """{pid: name} of the processes of a server's programs: not of interpreters that wait for one."""
    held = waiting(server)
    return {pid: name for pid, name in of_uids(server.uid_base).items() if pid not in held}


def named(comm):
    """The host's pid of the one process with this name, or None."""
    for pid in pids():
        try:
            if (PROC / str(pid) / "comm").read_text().rstrip("\n") == comm:
                return pid
        except OSError:
            continue
    return None


def named_below(root, comm):
    """The pids with this name among `root` and its descendants."""
    return [pid for pid, status in tree(root).items() if status["Name"].strip() == comm]


def cgroup_tops():
    """The directories named codeapi.PID, at whatever depth of whatever hierarchy a server has put them."""
    tops = set()
    for directory, below, _ in os.walk(CGROUP):
        ours = [name for name in below if name.startswith("codeapi.")]
        tops.update(os.path.join(directory, name) for name in ours)
        below[:] = [name for name in below if name not in ours]
    return tops


def cgroup_tops_of(root):
    """Those that jailers below a process have made. Others may run servers on this machine too, and what an earlier
    one left may have the number that a program has now."""
    own = {str(pid) for pid, status in tree(root).items() if status["Name"].strip().startswith("codeapi-jail")}
    return {top for top in cgroup_tops() if top.rsplit(".", 1)[1] in own}


def _members(cgroup):
    try:
        return {int(pid) for pid in (pathlib.Path(cgroup) / "cgroup.procs").read_text().split()}
    except OSError:
        return set()  # it has gone


class Census:
    """The idle state of one server, and the wait until the machine is back in it."""

    def __init__(self, server):
        self.server = server
        self.tops = cgroup_tops_of(server.process.pid)
        self.idle = self._steady()

    def _cgroups(self):
        """How many there are, but for those in which more than an init waits for a program."""
        return sum(len(_members(os.path.join(directory, name))) < 2
                   for top in self.tops for directory, below, _ in os.walk(top) for name in below)

    def _steady(self):
        """The number of cgroups once the pool of ready cells has stopped growing."""
        readings = []

        def same():
            readings.append(self._cgroups())
            return len(readings) > 10 and len(set(readings[-10:])) == 1

        until(same, "the number of cgroups of an idle server stays the same")
        return readings[-1]

    def assert_idle(self):
        """No process of a program is left, and as many cgroups as before the first."""
        survivors = lambda: programs_of(self.server)
        until(lambda: not survivors(), lambda: f"no process of a cell is left, but there are {survivors()}")
        until(lambda: self._cgroups() == self.idle,
              lambda: f"the server has {self.idle} cgroups again, not {self._cgroups()}")

    def assert_gone(self):
        """The same once the server has ended: nothing of it is left."""
        survivors = lambda: of_uids(self.server.uid_base)
        until(lambda: not survivors(), lambda: f"no process of a cell is left, but there are {survivors()}")


def started(environment=None, data_dir=None):
    """A started server that carries its census."""
    server = Server(environment, data_dir).start()
    server.census = Census(server)
    return server
