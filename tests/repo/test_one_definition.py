"""No two rooms define a type of one name: the linker would take one of the two for both, and say nothing."""

import collections
import pathlib
import re

SRC = pathlib.Path(__file__).resolve().parents[2] / "src"
DEFINITION = re.compile(r"^(?:class|struct|enum class) (\w+)[^;]*\{", re.MULTILINE)


def rooms_by_type():
    rooms = collections.defaultdict(set)
    for header in SRC.glob("*/*.h"):
        # Those of tests are linked into one room's test program only.
        if re.search(r"testing|fixture|fuzz|_contract|raw_peer|fake_", header.name):
            continue
        for name in DEFINITION.findall(header.read_text(encoding="utf-8")):
            rooms[name].add(header.parent.name)
    return rooms


def test_every_type_has_one_room():
    rooms = rooms_by_type()
    assert len(rooms) > 200
    assert {name: sorted(where) for name, where in rooms.items() if len(where) > 1} == {}
