"""scripts/attack-table.py: the page is up to date, and whatever is wrong with the data is found."""

import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SCRIPT = ROOT / "scripts" / "attack-table.py"
BEGIN, END = "<!-- attacks: written by scripts/attack-table.py -->", "<!-- end of the attacks -->"
PAGE = f"# Page\n\nbefore\n{BEGIN}\nold\n{END}\nafter\n"


def run(*arguments):
    done = subprocess.run(["/usr/bin/python3", str(SCRIPT), *map(str, arguments)], capture_output=True,
                          text=True,
                          timeout=60)
    return done.returncode, done.stderr.splitlines()


def test_every_number_has_a_test_and_the_page_is_up_to_date():
    assert run("--check", ROOT) == (0, [])


@pytest.fixture
def tree(tmp_path):
    """A tree with all the required numbers, one test each."""
    security = tmp_path / "tests" / "security"
    (security / "programs").mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "security.md").write_text(PAGE)
    attacks = {number: (f"title {number}", f"stops {number}") for number in range(1, 66)}
    tests = "".join(f"def test_{number:02}_x():\n    pass\n" for number in range(1, 66))
    (security / "test_all.py").write_text(f"ATTACKS = {attacks!r}\n{tests}")
    return tmp_path


def add(tree, text, name="test_more.py"):
    (tree / "tests" / "security" / name).write_text(text)


def test_only_what_is_between_the_markers_is_written(tree):
    assert run("--check", tree) == (1, ["security.md is not up to date; run scripts/attack-table.py"])
    assert run(tree) == (0, [])
    text = (tree / "docs" / "security.md").read_text()
    assert text.startswith(f"# Page\n\nbefore\n{BEGIN}\n") and text.endswith(f"\n{END}\nafter\n")
    assert "| 7 | title 7 | stops 7 | [test_all.py](../tests/security/test_all.py) |\n" in text
    assert "old" not in text and text.count("| title ") == 65
    assert run("--check", tree) == (0, [])


def test_a_test_elsewhere_is_linked(tree):
    add(tree, "ATTACKS = {70: ('t', 's')}\nCOVERED_BY = {70: ['docs/note.txt the_name']}\n")
    (tree / "docs" / "note.txt").write_text("here is the_name of it")
    assert run(tree) == (0, [])
    text = (tree / "docs" / "security.md").read_text()
    assert "| 70 | t | s | [note.txt `the_name`](../docs/note.txt) |\n" in text


@pytest.mark.parametrize("text, problem", [
    ("def test_70_x():\n    pass\n", "attack 70 has tests, but no title in ATTACKS"),
    ("ATTACKS = {70: ('t', 's')}\n", "attack 70 has no test"),
    ("ATTACKS = {5: ('t', 's')}\n", "test_more.py: attack 5 has a title already"),
    ("COVERED_BY = {5: ['docs/security.md no_such_name']}\n",
     "attack 5: there is no docs/security.md no_such_name"),
    ("COVERED_BY = {5: ['docs/nowhere.md before']}\n", "attack 5: there is no docs/nowhere.md before")])
def test_problems_are_named_and_nothing_is_written(tree, text, problem):
    add(tree, text)
    assert run(tree) == (2, [problem])
    assert (tree / "docs" / "security.md").read_text() == PAGE


def test_a_missing_number(tree):
    all_tests = tree / "tests" / "security" / "test_all.py"
    all_tests.write_text(all_tests.read_text().replace("test_33_x", "x").replace("33: (", "133: ("))
    assert run(tree) == (2, ["attack 33 is missing", "attack 133 has no test"])


def test_a_program_that_no_test_starts(tree):
    (tree / "tests" / "security" / "programs" / "33_unused.c").write_text("")
    assert run(tree) == (2, ["no test starts programs/33_unused.c"])


def test_a_page_without_markers(tree):
    (tree / "docs" / "security.md").write_text("# Page\n")
    assert run(tree) == (2, [f"security.md needs one line {BEGIN} and one line {END}"])
