"""What runtimes do in a cell and beside it is the same, but for what differences.txt says.

A part that fits into every test run; `make test-runtimes` is the whole.
"""

import pathlib

import pytest

from runtimes import sides
from runtimes.comparison import compare, judge, lasting, read_table
from runtimes.run import PROGRAMS, tests_of

MODULES = ["test_ctypes", "test_epoll", "test_fcntl", "test_fork1", "test_mmap", "test_os", "test_pathlib",
           "test_poll", "test_posix", "test_pty", "test_resource", "test_select", "test_shutil",
           "test_sqlite3", "test_tempfile", "test_threadsignals", "test_wait4"]


@pytest.fixture(scope="module")
def both(make_module_server):
    inside = sides.Inside(make_module_server(sides.SETTINGS))
    return sides.Outside(inside.environment()), inside


def about(entries, name):
    """The entries of the table that are about one module or program."""
    stem = pathlib.Path(name).stem
    return [entry for entry in entries
            if entry.pattern in (name, stem) or entry.pattern.startswith((f"test.{name}.", f"{stem}."))]


def assert_as_the_table_says(name, both):
    ran, differences = tests_of(name, *both)
    assert any(result == "pass" or not name.startswith("test_") for result, _ in ran.values()), ran
    entries = read_table()
    unexpected, _ = judge(differences, entries)
    _, stale = judge(differences, about(entries, name))
    assert not unexpected, "\n".join(map(str, unexpected))
    assert not stale, "differs no longer:\n" + "\n".join(map(str, stale))


@pytest.mark.parametrize("module", MODULES)
def test_cpythons_own_tests(both, module):
    assert_as_the_table_says(module, both)


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_programs(both, path):
    assert_as_the_table_says(path.name, both)


# -- the comparison itself -----------------------------------------------------------------------------------

def test_every_kind_of_difference_is_found():
    outside = {"a": ("pass", ""), "b": ("pass", ""), "c": ("fail", "x"), "d": ("pass", "")}
    inside = {"a": ("pass", ""), "b": ("error", "why"), "c": ("pass", ""), "e": ("pass", "")}
    found = [(d.test, d.outside, d.inside) for d in compare(outside, inside)]
    assert found == [("b", "pass", "error"), ("c", "fail", "pass"), ("d", "pass", "absent"),
                     ("e", "absent", "pass")]


def test_what_differs_only_now_and_then_is_no_difference():
    first = compare({"a": ("pass", ""), "b": ("pass", "")}, {"a": ("fail", ""), "b": ("fail", "")})
    rounds = iter([{"a": ("fail", ""), "b": ("fail", "")}, {"a": ("fail", ""), "b": ("pass", "")}])
    found = lasting(first, lambda tests: (dict.fromkeys(tests, ("pass", "")), next(rounds)))
    assert [d.test for d in found] == ["a"]


def test_an_unknown_difference_and_a_stale_entry_are_told(tmp_path):
    table = tmp_path / "table.txt"
    table.write_text("# comment\nm.a* pass -> fail because of this\nm.gone pass -> * because of that\n")
    differences = compare({"m.a1": ("pass", ""), "m.b": ("pass", "")},
                          {"m.a1": ("fail", ""), "m.b": ("fail", "")})
    unexpected, stale = judge(differences, read_table(table))
    assert [d.test for d in unexpected] == ["m.b"] and [entry.pattern for entry in stale] == ["m.gone"]


def test_a_line_that_is_no_entry_is_an_error(tmp_path):
    table = tmp_path / "table.txt"
    table.write_text("m.a pass fail no arrow here\n")
    with pytest.raises(AssertionError, match="table.txt:1"):
        read_table(table)
