"""What a server holds when it has nothing to do, and what one more warm cell costs."""

import statistics

from census import tree
from footprint import INIT, cell_of, groups, processes
from harness import until


def idle(server):
    """The processes once none has come or gone for a second."""
    seen = []

    def steady():
        seen.append(frozenset(tree(server.process.pid)))
        return len(seen) > 50 and len(set(seen[-50:])) == 1

    until(steady, "an idle server's processes stay the same", seconds=60)
    return processes(server)


def warm_cells(table):
    """{name of the program: median unique MiB of a ready cell with such a program, its init included}."""
    cells = {}
    for process in table.values():
        cells.setdefault(cell_of(table, process), []).append(process)
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
