"""Inside against outside, test by test, and the table of the differences that are meant."""

import dataclasses
import fnmatch
import pathlib

TABLE = pathlib.Path(__file__).resolve().parent / "differences.txt"
LEFT_OUT = TABLE.with_name("left_out.txt")
ABSENT = ("absent", "")
# A module, rather than one of its tests, for which there are no results: it hangs, or cannot be run or read.
LOST = ("timeout", "error", "fail")
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
    """One line of the table: `pattern  outside -> inside  reason`.

    `inside` may go on with what the test itself says: `error(OSError:*)`, with ? for a space.
    """
    pattern: str
    outside: str
    inside: str
    reason: str

    def covers(self, difference):
        return (fnmatch.fnmatchcase(difference.test, self.pattern)
                and fnmatch.fnmatchcase(difference.outside, self.outside)
                and any(fnmatch.fnmatchcase(inside, self.inside)
                        for inside in (difference.inside, f"{difference.inside}({difference.why})")))

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


def read_left_out(path=LEFT_OUT):
    """The patterns of the tests that are run on neither side; every line is `pattern reason`."""
    lines = [line.split(None, 1) for line in path.read_text().splitlines() if line and line[0] != "#"]
    assert all(len(words) == 2 for words in lines), f"{path.name}: a pattern without a reason"
    return [words[0] for words in lines]


def compare(outside, inside):
    """The differences between two results, each id -> (outcome, why)."""
    found = []
    for test in sorted(set(outside) | set(inside)):
        without, (within, why) = outside.get(test, ABSENT), inside.get(test, ABSENT)
        if without[0] != within:
            found.append(Difference(test, without[0], within, why or without[1]))
    # Where a whole module has no results, each of its tests differs, and that says nothing.
    return [d for d in found if d.test.startswith("test_") and {d.outside, d.inside} & set(LOST)] or found


def lasting(first, run):
    """The differences of `first` that are there each time; `run(tests)` gives (outside, inside) anew."""
    found = first
    for _ in range(ATTEMPTS - 1):
        # What hangs is not waited for again.
        if not found or any("timeout" in (difference.outside, difference.inside) for difference in found):
            break
        again = {difference.test: difference for difference in compare(*run([d.test for d in found]))}
        found = [again[d.test] for d in found if d.test in again]
    return found


def judge(differences, entries):
    """(differences that no entry covers, entries that cover no difference)."""
    unexpected = [d for d in differences if not any(entry.covers(d) for entry in entries)]
    stale = [entry for entry in entries if not any(entry.covers(d) for d in differences)]
    return unexpected, stale
