"""What is left when all clients have gone: nothing of programs, of cells, of the queue, of half-written files."""

import os
import pathlib

import census
from harness import until
from observer import left_in_redis

SECONDS = 60  # longer than a program waits for a client that does not come back


def programs(stage):
    """Processes of programs. What waits for a program in a ready cell is none."""
    found = []
    for worker in stage.dead:
        if hasattr(worker, "uid_base"):
            found += [f"{name} ({pid}) of the killed {worker.role}"
                      for pid, name in census.of_uids(worker.uid_base).items()]
    for worker in stage.workers:
        found += [f"{name} ({pid}) of a {worker.role}" for pid, name in census.programs_of(worker).items()]
    return found


def cgroups(tops):
    """Lines for control groups that stay: the jailer of a killed worker removes them in its own time."""
    def left():
        return sorted(top for top in tops if os.path.exists(top))
    try:
        until(lambda: not left(), "control groups", SECONDS)
    except AssertionError:
        return [f"{top} with {_inside(pathlib.Path(top))}" for top in left()]
    return []


def _inside(top):
    tasks = {str(path.parent.relative_to(top)): path.read_text().split() for path in sorted(top.rglob("tasks"))}
    names = {pid: name for pid in sum(tasks.values(), []) if (name := census.name(pid))}
    return f"groups and processes {tasks}, names {names}"


def parts(stage):
    """What a store has that no object is."""
    found = []
    if stage.store == "s3":
        for at, below, files in os.walk(stage.s3.data):
            if "uploads" in pathlib.Path(at).name:
                found += [os.path.join(at, name) for name in below]
    else:
        for at, _, files in os.walk(stage.disk):
            found += [os.path.join(at, name) for name in files if name.startswith(".") or name.endswith(".tmp")]
    return found


def while_running(stage):
    """Lines for what an idle service should not have."""
    found = []
    for what, look in (("programs", lambda: programs(stage)), ("redis", lambda: left_in_redis(stage.redis)),
                       ("store", lambda: parts(stage))):
        try:
            until(lambda: not look(), what, SECONDS)
        except AssertionError:
            found += [f"{what}: {line}" for line in look()]
    return found
