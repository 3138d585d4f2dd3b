#!/usr/bin/python3
"""Checks that a room of src/ includes only itself and rooms above it (docs/adr/0001-shape.md).

What runs with privileges must stay small, so the rooms in PRIVILEGED may use even less: `base`, `manifest` and each
other. Prints `file:line: message` for each offence and exits 1 if there are any. Usage: check-includes.py [ROOT]
"""

import pathlib
import re
import sys

ROOMS = (
    "base net store auth manifest runtime jail jailer sandbox tools worker files egress api packages app".split()
)
PRIVILEGED = {"runtime", "jail", "jailer"}
ALLOWED_TO_PRIVILEGED = {"base", "manifest"} | PRIVILEGED
SUFFIXES = {".h", ".cc", ".c", ".hpp", ".cpp", ".inc"}
INCLUDE = re.compile(r'^\s*#\s*(?:include|include_next|import)\s*(?:"([^"]*)"|<([^>]*)>)')
HAS_INCLUDE = re.compile(r'__has_include\s*\(\s*["<]([^">]*)[">]')


def problem(room, path, quoted):
    """Why a file of `room` may not include `path`, or None."""
    first = path.split("/", 1)[0]
    if ".." in path.split("/"):
        return f'"{path}" leaves its room by a relative path; write "room/file.h"'
    if "/" not in path or first not in ROOMS:
        return f'"{path}" does not begin with a room; write "room/file.h"' if quoted else None
    if not quoted:
        return f'<{path}> is ours; write "{path}"'
    if room in PRIVILEGED and first not in ALLOWED_TO_PRIVILEGED:
        return f"{room} runs with privileges and may not include {first} (only base, manifest, runtime, jail, jailer)"
    if ROOMS.index(first) > ROOMS.index(room):
        return f"{room} may not include {first}, which stands below it"
    return None


def check_file(room, path):
    """(line number, message) for each offence of one file."""
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        found = INCLUDE.match(line)
        if found:
            quoted = found.group(1) is not None
            message = problem(room, found.group(1) if quoted else found.group(2), quoted)
            if message:
                yield number, message
        for included in HAS_INCLUDE.findall(line):
            if included.split("/", 1)[0] in ROOMS and "/" in included:
                message = problem(room, included, True)
                if message:
                    yield number, message


def check(root):
    """Every offence below root/src, as printable lines."""
    source = root / "src"
    offences = []
    for path in sorted(source.rglob("*")):
        if path.suffix not in SUFFIXES or not path.is_file():
            continue
        parts = path.relative_to(source).parts
        shown = path.relative_to(root)
        if len(parts) < 2 or parts[0] not in ROOMS:
            offences.append(f"{shown}:1: stands in no room that scripts/check-includes.py knows")
            continue
        offences += [f"{shown}:{number}: {message}" for number, message in check_file(parts[0], path)]
    return offences


def main(arguments):
    root = pathlib.Path(arguments[0]) if arguments else pathlib.Path(__file__).resolve().parent.parent
    if not (root / "src").is_dir():
        print(f"{root}: has no src directory", file=sys.stderr)
        return 2
    offences = check(root)
    for offence in offences:
        print(offence)
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
