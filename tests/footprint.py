"""The memory of a server's processes, by what they are."""

import pathlib

from census import tree

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


def cell_of(table, process):
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
        elif cell_of(table, process) is not None:
            what = f"program waiting in a ready cell: {process.name}"
        else:
            what = f"zygote: {process.name}"
        out.setdefault(what, []).append(process)
    return out
