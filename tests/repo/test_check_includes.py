"""scripts/check-includes.py: it finds each kind of offence, and the tree has none."""

import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SCRIPT = ROOT / "scripts" / "check-includes.py"


def check(root):
    done = subprocess.run(["/usr/bin/python3", str(SCRIPT), str(root)], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout.splitlines(), done.stderr


def tree(tmp_path, **files):
    (tmp_path / "src").mkdir()
    for name, text in files.items():
        path = tmp_path / "src" / name.replace("__", "/").replace("_h", ".h").replace("_cc", ".cc")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_this_tree_is_clean():
    assert check(ROOT) == (0, [], "")


def test_the_room_order_is_the_documented_one():
    text = (ROOT / "docs" / "adr" / "0001-shape.md").read_text()
    script = SCRIPT.read_text()
    rooms = "base net store auth manifest runtime jail jailer sandbox tools worker files egress api packages app"
    assert rooms in text
    assert rooms in script


@pytest.mark.parametrize(
    "room, line",
    [
        ("api", '#include "base/text.h"'),
        ("api", '#include "api/other.h"'),
        ("store", '#include "net/http.h"'),
        ("jailer", '#include "jail/cell.h"'),
        ("jailer", '#include "runtime/table.h"'),
        ("jail", '#include "manifest/sign.h"'),
        ("base", "#include <vector>"),
        ("base", "#include <sys/wait.h>"),
        ("net", "#include <boost/asio.hpp>"),
        ("app", '  #  include "api/exec.h"  // fine'),
        ("base", '// #include "app/main.h"'),
    ],
)
def test_allowed(tmp_path, room, line):
    assert check(tree(tmp_path, **{f"{room}__a_h": line + "\n"})) == (0, [], "")


@pytest.mark.parametrize(
    "room, line, message",
    [
        ("base", '#include "net/http.h"', "base may not include net, which stands below it"),
        ("worker", '#include "api/exec.h"', "worker may not include api, which stands below it"),
        ("jail", '#include "jailer/protocol.h"', "jail may not include jailer, which stands below it"),
        ("base", '#include"app/main.h"', "base may not include app, which stands below it"),
        ("base", ' # include "app/main.h"', "base may not include app, which stands below it"),
        ("jail", '#include "net/http.h"', "jail runs with privileges and may not include net "
         "(only base, manifest, runtime, jail, jailer)"),
        ("jailer", '#include "store/object_store.h"', "jailer runs with privileges and may not include store "
         "(only base, manifest, runtime, jail, jailer)"),
        ("runtime", '#include "auth/principal.h"', "runtime runs with privileges and may not include auth "
         "(only base, manifest, runtime, jail, jailer)"),
        ("net", '#include "http.h"', '"http.h" does not begin with a room; write "room/file.h"'),
        ("net", '#include "boost/asio.hpp"', '"boost/asio.hpp" does not begin with a room; write "room/file.h"'),
        ("base", '#include "base/../app/main.h"',
         '"base/../app/main.h" leaves its room by a relative path; write "room/file.h"'),
        ("base", "#include <app/main.h>", '<app/main.h> is ours; write "app/main.h"'),
        ("base", '#if __has_include("app/main.h")', "base may not include app, which stands below it"),
    ],
)
def test_offences_name_file_line_and_reason(tmp_path, room, line, message):
    root = tree(tmp_path, **{f"{room}__a_h": "#pragma once\n" + line + "\n"})
    assert check(root) == (1, [f"src/{room}/a.h:2: {message}"], "")


def test_every_offence_is_reported_in_order(tmp_path):
    root = tree(tmp_path, base__b_cc='#include "net/x.h"\n#include "app/y.h"\n', base__a_cc='#include "api/z.h"\n')
    code, lines, _ = check(root)
    assert code == 1
    assert [line.split(" ")[0] for line in lines] == ["src/base/a.cc:1:", "src/base/b.cc:1:", "src/base/b.cc:2:"]


def test_files_outside_a_known_room_are_offences(tmp_path):
    code, lines, _ = check(tree(tmp_path, cellar__a_h="", loose_cc=""))
    assert code == 1
    assert lines == [
        "src/cellar/a.h:1: stands in no room that scripts/check-includes.py knows",
        "src/loose.cc:1: stands in no room that scripts/check-includes.py knows",
    ]


def test_no_source_tree_is_an_error_of_its_own(tmp_path):
    code, lines, error = check(tmp_path)
    assert (code, lines) == (2, [])
    assert "has no src directory" in error
