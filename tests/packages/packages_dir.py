"""A packages directory of its own, lists to build from, and cells that run in what was built."""

import json
import os
import shutil
import subprocess

from harness import ROOT, binary, clean_environment

BUILD_SECONDS = 900  # reached only when something hangs
SMALL = ["bash", "coreutils", "libc-bin", "locales"]


class PackagesDir:
    """A packages directory and lists to build in it from."""

    def __init__(self, path):
        self.path = path / "packages"
        self.lists = path / "lists"
        self.lists.mkdir(parents=True)
        shutil.copy(ROOT / "packages" / "finish.sh", self.lists)

    def write_list(self, name, debian, more=""):
        names = "".join(f"  - {package}\n" for package in debian)
        (self.lists / f"{name}.yaml").write_text(f"suite: trixie\ndebian:\n{names}{more}")

    def command(self, *arguments):
        return [binary(), "package-init", "--dir", str(self.path), "--lists", str(self.lists), *arguments]

    def run(self, *arguments, **environment):
        return subprocess.run(self.command(*arguments), env=clean_environment(**environment), text=True,
                              capture_output=True, timeout=BUILD_SECONDS)

    def build(self, profile, *arguments, **environment):
        done = self.run("--profile", profile, *arguments, **environment)
        assert done.returncode == 0, done.stderr
        return done

    def current(self):
        link = self.path / "current"
        return os.readlink(link) if link.is_symlink() else None

    def manifest(self):
        return json.loads((self.path / "current" / "packages.json").read_text())

    def roots(self):
        return sorted(entry.name for entry in (self.path / "roots").iterdir())

    def in_cell(self, code, extension="sh"):
        """What a program prints in a cell that was told nothing but where the packages are."""
        program = self.lists.parent / f"program.{extension}"
        program.write_text(code)
        done = subprocess.run([binary(), "run", str(program)], capture_output=True, text=True, timeout=BUILD_SECONDS,
                              env=clean_environment(CODEAPI_PACKAGES_DIR=self.path), cwd=self.lists.parent)
        assert done.returncode == 0, done.stderr
        return done.stdout
