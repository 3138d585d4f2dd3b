#!/usr/bin/python3
"""Breaks one part of a distributed set-up after another under load, and checks that no promise is broken.

Starts Redis (which keeps a log), an S3 server, a file server, two APIs and three workers on this machine, lets
clients ask for programs, files and programs with tools, and meanwhile kills, stops, cuts off and fills up what it
can. Every answer is right or an honest error; an execution has one answer; a tool has its effect once; a file that
was acknowledged stays; and at the end nothing is left over. Exit status 0 only if all that was so. The network is
broken by proxies between the processes and Redis, since netem is no part of every kernel.
"""

import argparse
import collections
import json
import pathlib
import random
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

import census  # noqa: E402
import leaks  # noqa: E402
from faults import Faults  # noqa: E402
from ledger import Ledger  # noqa: E402
from load import Load  # noqa: E402
from observer import Observer  # noqa: E402
from stage import Stage  # noqa: E402

PLANS = {
    "s3": ["kill_worker", "kill_api", "kill_redis", "kill_s3", "stop_worker", "partition_worker", "partition_api",
           "slow_network", "cut_connections", "kill_file_server"],
    "directory": ["fill_disk", "kill_file_server", "kill_worker"],
}
SHOWN = 20


def say(text):
    print(f"==> chaos: {text}", flush=True)


class Chaos:
    """One set-up, its load and its faults. `problems` is empty if all promises were kept."""

    def __init__(self, store, seed, clients=8, say=say):
        self.store, self.seed, self.clients, self.say = store, seed, clients, say
        self.ledger, self.problems = Ledger(), []
        self.takeovers = self.replays = 0
        self.reasons = collections.Counter()  # why APIs had no answer, in their own words

    def run(self, plan):
        rng = random.Random(f"{self.seed} faults")
        self.say(f"{self.store}: starting Redis, the store, a file server, 2 APIs and 3 workers; seed {self.seed}")
        with Stage(self.store) as stage:
            observer = Observer(stage.redis)
            load = Load(stage, self.ledger, self.seed, self.clients).begin()
            tops = set()
            try:
                faults = Faults(stage, self.ledger, observer, rng)
                faults.well()
                for name in plan:
                    start = time.monotonic()
                    tops |= self._tops(stage)
                    faults.strike(name)
                    self.say(f"{self.store}: {name.replace('_', ' ')}: well again after "
                             f"{time.monotonic() - start:.1f} s; {self.ledger.rights()} right, "
                             f"{self.ledger.errors()} honest errors, {len(self.ledger.violations)} violations")
            except AssertionError as error:
                self.problems.append(f"{name}: {error}")
            finally:
                load.end()
            self._look(stage, load, observer)
            tops |= self._tops(stage)
            ended = [*stage.workers, *stage.dead]
        for top in leaks.cgroups(tops):
            self.problems.append(f"cgroup {top} is left")
        for process in ended:
            self.problems += [f"process {name} is left" for name in census.of_uids(process.uid_base).values()]
        self.problems += self.ledger.violations
        return self

    @staticmethod
    def _tops(stage):
        return {top for worker in stage.workers for top in census.cgroup_tops_of(worker.process.pid)}

    def _look(self, stage, load, observer):
        """Everything that was acknowledged is there, and nothing else."""
        self.say(f"{self.store}: looking for {len(self.ledger.files)} files and for what is left over")
        rng = random.Random(self.seed)
        for key, content in self.ledger.files.items():
            try:
                load.download(stage.api(rng), key, content)
            except Exception as error:
                self.problems.append(f"at the end, file {key}: {error}")
        self.problems += leaks.while_running(stage)
        observer.stop()
        self.takeovers = observer.takeovers
        for api in [*stage.apis, *stage.dead]:
            for line in api.lines:
                event = json.loads(line) if line.startswith("{") else {}
                self.replays += event.get("event") == "program is run again from its record"
                if event.get("event") in ("execution not answered", "round not answered"):
                    self.reasons[event["detail"]] += 1

    def report(self):
        lines = self.ledger.figures() + [f"takeovers       {self.takeovers}", f"replays         {self.replays}"]
        lines += [f"an api said, {count} times: {reason}" for reason, count in self.reasons.most_common()]
        lines += [f"PROBLEM {problem}" for problem in self.problems[:SHOWN]]
        if len(self.problems) > SHOWN:
            lines.append(f"PROBLEM … and {len(self.problems) - SHOWN} more")
        return "\n".join(f"    {line}" for line in lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--rounds", type=int, default=3, help="how often every fault strikes")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--store", choices=PLANS, help="only this one")
    parser.add_argument("--only", help="only these faults, separated by commas")
    given = parser.parse_args()
    failed = False
    for store, plan in PLANS.items():
        if given.store not in (None, store):
            continue
        order = random.Random(given.seed)
        faults = [name for _ in range(given.rounds) for name in order.sample(plan, len(plan))]
        if given.only:
            faults = given.only.split(",") * given.rounds
        run = Chaos(store, given.seed, given.clients).run(faults)
        say(f"{store}: figures\n{run.report()}")
        failed |= bool(run.problems)
    say(f"a promise was broken; again: make chaos ARGS='--seed {given.seed}'" if failed else "all promises were kept")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
