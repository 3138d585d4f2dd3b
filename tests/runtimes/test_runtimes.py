"""What runtimes do in a cell and beside it is the same, but for what differences.txt says.

A part that fits into every test run; `make test-runtimes` is the whole.
"""

import pathlib

import pytest

from runtimes import sides
from runtimes.comparison import Difference, compare, judge, lasting, read_left_out, read_table
from runtimes.run import PROGRAMS, run_both

# What is nearest to the kernel, and done in seconds. Of the programs all but the compilers' minutes.
MODULES = ["test_ctypes", "test_epoll", "test_fcntl", "test_mmap", "test_os", "test_pathlib", "test_posix",
           "test_pty", "test_resource", "test_select", "test_shutil", "test_tempfile"]
SHORT_PROGRAMS = [path for path in PROGRAMS if path.name != "compilers.sh"]


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
    ran, differences = run_both(name, *both)
    assert any(result == "pass" or not name.startswith("test_") for result, _ in ran.values()), ran
    entries = read_table()
    unexpected, _ = judge(differences, entries)
    _, stale = judge(differences, about(entries, name))
    assert not unexpected, "\n".join(map(str, unexpected))
    assert not stale, "differs no longer:\n" + "\n".join(map(str, stale))


@pytest.mark.parametrize("module", MODULES)
def test_cpythons_own_tests(both, module):
    assert_as_the_table_says(module, both)


@pytest.mark.parametrize("path", SHORT_PROGRAMS, ids=lambda path: path.name)
def test_programs(both, path):
    assert_as_the_table_says(path.name, both)


# -- the comparison itself -----------------------------------------------------------------------------------

def test_every_kind_of_difference_is_found():
    outside = {"a": ("pass", ""), "b": ("pass", ""), "c": ("fail", "x"), "d": ("pass", "")}
    inside = {"a": ("pass", ""), "b": ("error", "why"), "c": ("pass", ""), "e": ("pass", "")}
    found = [(d.test, d.outside, d.inside) for d in compare(outside, inside)]
    assert found == [("b", "pass", "error"), ("c", "fail", "pass"), ("d", "pass", "absent"),
                     ("e", "absent", "pass")]


def test_a_module_without_results_is_one_difference():
    outside = {"test.m.a": ("pass", ""), "test.m.b": ("pass", "")}
    found = compare(outside, {"test_m": ("timeout", "in test_b")})
    assert [str(d) for d in found] == ["test_m  absent -> timeout  in test_b"]
    calls = []
    assert lasting(found, calls.append) == found and not calls, "what hangs is not waited for again"


def test_an_entry_may_name_what_the_test_says(tmp_path):
    table = tmp_path / "table.txt"
    table.write_text("m.*  pass -> error(OSError:?no*)  because\n")
    differences = [Difference("m.a", "pass", "error", "OSError: no"), Difference("m.b", "pass", "error", "other")]
    assert [d.test for d in judge(differences, read_table(table))[0]] == ["m.b"]


def test_what_is_left_out_has_a_reason(tmp_path):
    table = tmp_path / "left_out.txt"
    table.write_text("# comment\ntest.m.a* because\n")
    assert read_left_out(table) == ["test.m.a*"]
    table.write_text("test.m.a*\n")
    with pytest.raises(AssertionError, match="without a reason"):
        read_left_out(table)
    assert read_left_out()


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
