"""Packages from npm, installed once per lock file below build/npm."""

import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent


def packages(directory):
    """Installs what `directory`/package-lock.json pins and returns the directory that node_modules is in."""
    target = ROOT / "build" / "npm" / pathlib.Path(directory).name
    run = subprocess.run([str(ROOT / "scripts" / "npm-install.sh"), str(directory), str(target)],
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stdout + run.stderr
    return target
