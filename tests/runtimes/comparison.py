"""Inside against outside, test by test, and the table of the differences that are meant."""

import dataclasses
import fnmatch
import pathlib

TABLE = pathlib.Path(__file__).resolve().parent / "differences.txt"
ABSENT = ("absent", "")
# A difference must show each time: test suites have tests that fail now and then, on busy machines above all.
ATTEMPTS = 3


@dataclasses.dataclass(frozen=True)
class Difference:
    test: str
    outside: str
    inside: str
    why: str

    def __str__(self):
        return f"{self.test}  {self.outside} -> {self.inside}  {self.why}"


@dataclasses.dataclass(frozen=True)
class Entry:
    """One line of the table: `pattern  outside -> inside  reason`."""
    pattern: str
    outside: str
    inside: str
    reason: str

    def covers(self, difference):
        return (fnmatch.fnmatchcase(difference.test, self.pattern)
                and fnmatch.fnmatchcase(difference.outside, self.outside)
                and fnmatch.fnmatchcase(difference.inside, self.inside))

    def __str__(self):
        return f"{self.pattern}  {self.outside} -> {self.inside}  {self.reason}"


def read_table(path=TABLE):
    """The entries in order. A line that is none is an error, since it would silently allow nothing."""
    entries = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        words = line.split(None, 4)
        right = len(words) == 5 and words[2] == "->"
        assert right, f"{path.name}:{number}: not `pattern outside -> inside reason`"
        entries.append(Entry(words[0], words[1], words[3], words[4]))
    assert len({(entry.pattern, entry.inside) for entry in entries}) == len(entries), "an entry twice"
    return entries


def compare(outside, inside):
    """The differences between two results, each id -> (outcome, why)."""
    found = []
    for test in sorted(set(outside) | set(inside)):
        without, (within, why) = outside.get(test, ABSENT), inside.get(test, ABSENT)
        if without[0] != within:
            found.append(Difference(test, without[0], within, why or without[1]))
    return found


def lasting(first, run):
    """The differences of `first` that are there each time; `run(tests)` gives (outside, inside) anew."""
    found = first
    for _ in range(ATTEMPTS - 1):
        if not found:
            break
        again = {difference.test: difference for difference in compare(*run([d.test for d in found]))}
        found = [again[d.test] for d in found if d.test in again]
    return found


def judge(differences, entries):
    """(differences that no entry covers, entries that cover no difference)."""
    unexpected = [d for d in differences if not any(entry.covers(d) for entry in entries)]
    stale = [entry for entry in entries if not any(entry.covers(d) for d in differences)]
    return unexpected, stale
