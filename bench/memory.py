"""The memory of a server's processes, and what one more warm cell costs."""

import pathlib
import statistics

from census import tree
from harness import until

MIB = 1024.0
INIT = "codeapi-init"


def _rollup(pid):
    """{field: KiB} of smaps_rollup; empty for a process that has gone."""
    try:
        lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return {}
    return {name: int(rest.split()[0]) for name, rest in (line.split(":", 1) for line in lines)}


class Process:
    """One process: resident, shared out among its users (proportional), and its own alone (unique); in MiB."""

    def __init__(self, pid, status):
        fields = _rollup(pid)
        self.pid, self.parent, self.name = pid, int(status["PPid"]), status["Name"].strip()
        self.peak = int(status["VmHWM"].split()[0]) / MIB if "VmHWM" in status else 0
        self.resident = fields.get("Rss", 0) / MIB
        self.proportional = fields.get("Pss", 0) / MIB
        self.unique = (fields.get("Private_Clean", 0) + fields.get("Private_Dirty", 0)) / MIB


def processes(server):
    return {pid: Process(pid, status) for pid, status in tree(server.process.pid).items()}


def idle(server):
    """The processes once none has come or gone for a second."""
    seen = []

    def steady():
        seen.append(frozenset(tree(server.process.pid)))
        return len(seen) > 50 and len(set(seen[-50:])) == 1

    until(steady, "an idle server's processes stay the same", seconds=60)
    return processes(server)


def _cell_of(table, process):
    """The init of the cell that the process is in, or None."""
    while process is not None:
        if process.name == INIT:
            return process.pid
        process = table.get(process.parent)
    return None


def groups(table, server):
    """{what: processes}: server, jailer, inits, programs that wait in cells, zygotes."""
    jailers = {pid for pid, process in table.items() if process.parent == server.process.pid}
    out = {}
    for pid, process in table.items():
        if pid == server.process.pid:
            what = "server"
        elif pid in jailers:
            what = "jailer"
        elif process.name == INIT:
            what = "init of a ready cell"
        elif _cell_of(table, process) is not None:
            what = f"program waiting in a ready cell: {process.name}"
        else:
            what = f"zygote: {process.name}"
        out.setdefault(what, []).append(process)
    return out


def warm_cells(table):
    """{name of the program: median unique MiB of a ready cell with such a program, its init included}."""
    cells = {}
    for process in table.values():
        cells.setdefault(_cell_of(table, process), []).append(process)
    cells.pop(None, None)
    by_name = {}
    for inside in cells.values():
        names = sorted({process.name for process in inside} - {INIT})
        by_name.setdefault(" and ".join(names) or "no program", []).append(sum(p.unique for p in inside))
    return {name: statistics.median(sizes) for name, sizes in by_name.items()}


def without_zygotes(table, server):
    """Resident MiB of everything but zygotes and waiting programs."""
    return sum(process.resident for what, group in groups(table, server).items() for process in group
               if what in ("server", "jailer", "init of a ready cell"))
