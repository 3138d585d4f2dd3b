"""What was asked and how it ended. Thread-safe."""

import collections
import statistics
import threading


class Ledger:
    def __init__(self):
        self._lock = threading.Lock()
        self.asked = collections.Counter()   # by kind
        self.right = collections.Counter()   # by kind
        self.honest = collections.Counter()  # by what was said
        self.violations, self.seconds = [], []
        self.files = {}                      # (session, id) -> bytes: acknowledged, so they have to stay
        self.sessions = set()
        self.faults = collections.Counter()
        self.repeats = 0                     # rounds that a client had to send again
        self.hung_up = 0

    def ask(self, kind):
        with self._lock:
            self.asked[kind] += 1
            return sum(self.asked.values())

    def is_right(self, kind, seconds):
        with self._lock:
            self.right[kind] += 1
            self.seconds.append(seconds)

    def is_honest(self, what):
        with self._lock:
            self.honest[what] += 1

    def is_wrong(self, what):
        with self._lock:
            self.violations.append(what)

    def repeat(self):
        with self._lock:
            self.repeats += 1

    def hangs_up(self):
        with self._lock:
            self.hung_up += 1

    def session(self, session):
        """Each execution has an id of its own, and one answer."""
        with self._lock:
            if session in self.sessions:
                self.violations.append(f"execution {session} was answered twice")
            self.sessions.add(session)

    def keep(self, session, file, content):
        with self._lock:
            if (session, file) in self.files:
                self.violations.append(f"file {session}/{file} was handed out twice")
            self.files[session, file] = content

    def some_file(self, rng):
        with self._lock:
            return rng.choice(list(self.files.items())) if self.files else None

    def rights(self):
        with self._lock:
            return sum(self.right.values())

    def errors(self):
        with self._lock:
            return sum(self.honest.values())

    def figures(self):
        """The counts, as lines."""
        with self._lock:
            lines = [f"requests        {sum(self.asked.values())}  ({_list(self.asked)})",
                     f"right           {sum(self.right.values())}  ({_list(self.right)})",
                     f"hung up         {self.hung_up}",
                     f"honest errors   {sum(self.honest.values())}"]
            lines += [f"  {count:5}  {what}" for what, count in self.honest.most_common()]
            lines += [f"rounds sent again {self.repeats}", f"files kept      {len(self.files)}",
                      f"faults          {sum(self.faults.values())}  ({_list(self.faults)})"]
            if self.seconds:
                lines.append(f"latency of right answers: p50 {statistics.median(self.seconds):.3f} s, "
                             f"max {max(self.seconds):.3f} s")
            lines.append(f"violations      {len(self.violations)}")
            return lines


def _list(counter):
    return ", ".join(f"{name} {count}" for name, count in sorted(counter.items()))
