"""Everything one server holds of the machine, counted from outside, and the comparison of two counts."""

import os
import pathlib
import time

import census

PROC = pathlib.Path("/proc")
RSS_GROWTH_KIB = 16 * 1024
SETTLED_READINGS = 20
READING_SECONDS = 0.1
# Rows of the whole machine: others use it too, and the kernel frees some of it late. Shown, never judged.
INFORMATIVE = "(machine) "
# Ready cells are new ones each time, so what has leaked is named among what has only been replaced.
NAMED = 20
GROWS = " RSS, KiB"


class Holdings:
    """One count. `rows` is name → number; `named` is name → the things counted, where that helps."""

    def __init__(self, server):
        tree = census.tree(server.process.pid)
        self.started = {pid: census.start_time(pid) for pid in tree}
        self.uid_base = server.uid_base
        self.server = server.process.pid
        self.jailers = [pid for pid, status in tree.items() if int(status["PPid"]) == server.process.pid]
        self.tops = census.cgroup_tops_of(server.process.pid)
        self.named, self.rows = {}, {}
        self._processes(tree)
        self._kernel_objects(tree)
        self._list("files that are no objects", _not_objects(server.data_dir))
        self._machine()

    def _list(self, name, things):
        self.named[name] = set(things)
        self.rows[name] = len(self.named[name])

    def _processes(self, tree):
        self._list("processes of the server's tree",
                   (f"{status['Name'].strip()} {pid}" for pid, status in tree.items()))
        self._list("processes of its user ids",
                   (f"{name} {pid}" for pid, name in census.of_uids(self.uid_base).items()))
        for role, pids in (("server", [self.server]), ("jailer", self.jailers)):
            of = [tree[pid] for pid in pids if pid in tree]
            self.rows[f"{role} threads"] = sum(int(status.get("Threads", 0)) for status in of)
            self.rows[f"{role} open fds"] = sum(len(_entries(PROC / str(pid) / "fd")) for pid in pids)
            self.rows[role + GROWS] = sum(int(status.get("VmRSS", "0").split()[0]) for status in of)

    def _kernel_objects(self, tree):
        self._list("mounts of this namespace", _mounts("self"))
        self._list("mounts of the jailer", (line for pid in self.jailers for line in _mounts(pid)))
        self._list("namespaces of the tree",
                   (link for pid in tree for link in _links(PROC / str(pid) / "ns") if "[" in link))
        self._list("cgroups below codeapi.*",
                   (os.path.join(at, name) for top in self.tops for at, below, _ in os.walk(top)
                    for name in below))

    def _machine(self):
        nets = {link for pid in census.pids() for link in _links(PROC / str(pid) / "ns", "net")}
        self.rows[INFORMATIVE + "net namespaces with a process"] = len(nets)
        for line in _lines(PROC / "cgroups"):
            if line.startswith("memory\t"):  # counts those that are removed but not yet freed, too
                self.rows[INFORMATIVE + "memory cgroups"] = int(line.split()[2])
        for line in _lines(PROC / "slabinfo"):
            if line.startswith("net_namespace "):
                self.rows[INFORMATIVE + "net namespaces in slabs"] = int(line.split()[1])
        for line in _lines(PROC / "meminfo"):
            name, value = line.split(":")
            if name in ("Slab", "SUnreclaim", "Shmem"):
                self.rows[f"{INFORMATIVE}{name}, KiB"] = int(value.split()[0])

    def judged(self):
        """The rows that must be the same again."""
        return {name: number for name, number in self.rows.items()
                if not name.startswith(INFORMATIVE) and not name.endswith(GROWS)}


def _entries(directory):
    try:
        return os.listdir(directory)
    except OSError:
        return []


def _links(directory, *only):
    """Where the symbolic links of a directory point; those that go meanwhile are left out."""
    for name in only or _entries(directory):
        try:
            yield os.readlink(directory / name)
        except OSError:
            continue


def _lines(path):
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def _mounts(pid):
    return _lines(PROC / str(pid) / "mountinfo")


def _walk_objects(data_dir):
    """({(session, id): path}, every other path) of a data directory that the server is not writing to."""
    found, others = {}, set()
    for at, below, files in os.walk(data_dir):
        at = pathlib.Path(at)
        inside = at.parent.name == "objects"
        for name in files:
            if inside and not name.startswith(".") and (at / f"{name.removesuffix('.meta')}.meta").exists() \
                    and (at / name.removesuffix(".meta")).exists():
                if not name.endswith(".meta"):
                    found[at.name, name] = at / name
            else:
                others.add(str(at / name))
        if inside and not files and not below:
            others.add(f"{at}/ (empty)")
    return found, others


def objects(data_dir):
    """{(session, id): path of the data} of every whole object."""
    return _walk_objects(data_dir)[0]


def _not_objects(data_dir):
    return _walk_objects(data_dir)[1]


def settled(server, seconds, like=None):
    """A count taken when the server has nothing to do: the judged rows have stopped changing.

    With `like`, they are waited for until they are no more than in that count; after `seconds` the last count
    is returned whatever it says.
    """
    end, same, last = time.monotonic() + seconds, 0, None
    while True:
        now = Holdings(server)
        steady = last is not None and now.judged() == last.judged()
        same, last = same + 1 if steady else 0, now
        if same >= SETTLED_READINGS and (like is None or not leaks(like, now)):
            return now
        if time.monotonic() > end:
            return now
        time.sleep(READING_SECONDS)


def leaks(before, after):
    """What `after` holds that `before` did not, as lines; empty when nothing."""
    found = []
    for name, number in after.judged().items():
        old = before.rows[name]
        # Fewer is none: a connection of the warm-up that the server was about to close, say.
        if number > old:
            more = sorted(after.named.get(name, set()) - before.named.get(name, set()))
            names = f" (new among them: {', '.join(more[:NAMED])})" if more else ""
            found.append(f"{name} {old} → {number}{names}")
    for name, number in after.rows.items():
        if name.endswith(GROWS) and number - before.rows[name] > RSS_GROWTH_KIB:
            found.append(f"{name} {before.rows[name]} → {number}")
    for pid in [before.server, *before.jailers]:
        if after.started.get(pid) != before.started[pid]:
            found.append(f"the server or the jailer (pid {pid}) was replaced")
    return found


def table(before, after):
    """Both counts and their difference, as text."""
    lines = [f"{'':48}{'before':>10}{'after':>10}{'difference':>12}"]
    lines += [f"{name:48}{before.rows.get(name, 0):>10}{number:>10}{number - before.rows.get(name, 0):>+12}"
              for name, number in after.rows.items()]
    return "\n".join(lines)


def remains(before):
    """What is left of a server that has ended: its processes, programs, control groups."""
    processes = [pid for pid, started in before.started.items() if census.start_time(pid) == started]
    return [*map(str, processes), *census.of_uids(before.uid_base).values(),
            *(top for top in before.tops if os.path.exists(top))]
