"""What is left when all clients have gone: nothing of programs, of cells, of the queue, of half-written files."""

import os
import pathlib

import census
from harness import until
from observer import left_in_redis

SECONDS = 60  # longer than a program waits for a client that does not come back


def programs(stage):
    """Processes of programs. Ready cells run no program, but have an init with a user id of the cells."""
    found = []
    for worker in stage.dead:
        if hasattr(worker, "uid_base"):
            found += [f"{name} ({pid}) of the killed {worker.role}"
                      for pid, name in census.of_uids(worker.uid_base).items()]
    for worker in stage.workers:
        found += [f"{name} ({pid}) of a {worker.role}" for pid, name in census.of_uids(worker.uid_base).items()]
    return found


def cgroups(tops):
    return sorted(top for top in tops if os.path.exists(top))


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
