#!/usr/bin/python3
"""attack-table.py [--check] [ROOT]: writes the table of attacks in docs/security.md from the tests.

The tests of tests/security, tests/http and tests/hardened/test_attacks_*.py are named test_NN_..., NN being the attack's number. Beside them, ATTACKS says of
each number its title and what stops it, and COVERED_BY which tests elsewhere belong to it, as "path name". With
--check nothing is written: the exit status is 1 when the page is not what it would be. It is 2, with a line for
each, when something is wrong with the data: an attack without a test, a test without an attack, a program that
no test starts, a test elsewhere that is not there, one of the numbers 1 to 65 missing.
"""

import ast
import dataclasses
import pathlib
import re
import sys

REQUIRED = range(1, 66)
BEGIN, END = "<!-- attacks: written by scripts/attack-table.py -->", "<!-- end of the attacks -->"
TESTS = ("security/test_*.py", "http/test_*.py", "hardened/test_attacks_*.py")
TEST_NAME = re.compile(r"test_(\d\d)_")


@dataclasses.dataclass
class Attack:
    """What is known of one number of the catalogue."""
    title: str = ""
    stops: str = ""
    files: list = dataclasses.field(default_factory=list)
    elsewhere: list = dataclasses.field(default_factory=list)


def literal(tree, name):
    """The value of a module's assignment to `name`, which must be a literal; {} without one."""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if [getattr(target, "id", None) for target in targets] == [name]:
            return ast.literal_eval(node.value)
    return {}


def collect(root):
    """number → Attack, and the problems found on the way."""
    attacks, problems = {}, []
    for path in sorted(path for pattern in TESTS for path in (root / "tests").glob(pattern)):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for number, (title, stops) in literal(tree, "ATTACKS").items():
            attack = attacks.setdefault(number, Attack())
            if attack.title:
                problems.append(f"{path.name}: attack {number} has a title already")
            attack.title, attack.stops = title, stops
        for number, tests in literal(tree, "COVERED_BY").items():
            attacks.setdefault(number, Attack()).elsewhere += tests
        for node in tree.body:
            match = TEST_NAME.match(node.name) if isinstance(node, ast.FunctionDef) else None
            if match:
                attack = attacks.setdefault(int(match[1]), Attack())
                shown = path.relative_to(root).as_posix()
                if shown not in attack.files:
                    attack.files.append(shown)
    return attacks, problems


def check(root, attacks):
    """What is wrong with the attacks."""
    problems = [f"attack {number} is missing" for number in REQUIRED if number not in attacks]
    for number, attack in sorted(attacks.items()):
        if not attack.title:
            problems.append(f"attack {number} has tests, but no title in ATTACKS")
        if not attack.files and not attack.elsewhere:
            problems.append(f"attack {number} has no test")
        for test in attack.elsewhere:
            path, _, name = test.partition(" ")
            file = root / path
            if not file.is_file() or not re.search(rf"\b{re.escape(name)}\b", file.read_text(encoding="utf-8")):
                problems.append(f"attack {number}: there is no {test}")
    return problems


def unused_programs(root):
    """A problem for each hostile program that no test names."""
    directory = root / "tests" / "security"
    text = "".join(path.read_text(encoding="utf-8") for path in directory.glob("test_*.py"))
    return [f"no test starts programs/{path.name}" for path in sorted((directory / "programs").glob("[0-9]*"))
            if f'"{path.name}"' not in text]


def link(path, text):
    return f"[{text}](../{path})"


def table(attacks):
    """The lines between the two markers."""
    lines = ["", "| no. | attack | what stops it | tests |", "|---|---|---|---|"]
    for number, attack in sorted(attacks.items()):
        tests = [link(path, path.rsplit("/", 1)[-1]) for path in sorted(attack.files, key=lambda path: path.rsplit("/", 1)[-1])]
        tests += [link(path, f"{path.rsplit('/', 1)[-1]} `{name}`")
                  for path, _, name in (test.partition(" ") for test in attack.elsewhere)]
        lines.append(f"| {number} | {attack.title} | {attack.stops} | {', '.join(tests)} |")
    return "\n".join(lines) + "\n\n"


def main(arguments):
    given = [one for one in arguments if one != "--check"]
    root = pathlib.Path(given[0]) if given else pathlib.Path(__file__).resolve().parent.parent
    attacks, problems = collect(root)
    problems += check(root, attacks) + unused_programs(root)
    page = root / "docs" / "security.md"
    text = page.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        problems.append(f"{page.name} needs one line {BEGIN} and one line {END}")
    if problems:
        print("\n".join(problems), file=sys.stderr)
        return 2
    before, rest = text.split(BEGIN)
    wanted = before + BEGIN + "\n" + table(attacks) + END + rest.split(END)[1]
    if wanted == text:
        return 0
    if "--check" in arguments:
        print(f"{page.name} is not up to date; run scripts/attack-table.py", file=sys.stderr)
        return 1
    page.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
