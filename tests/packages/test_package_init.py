"""codeapi package-init with real, small roots: the real apt, mmdebstrap and pip, and cells that run in what they built.

All tests share one packages directory, so that packages are downloaded once; each has a list of its own.
"""

import os
import pathlib
import re
import signal
import subprocess
import threading

import pytest

from harness import Server, binary, clean_environment, rootless
from packages_dir import BUILD_SECONDS, SMALL, PackagesDir

pytestmark = pytest.mark.skipif(rootless(), reason="only root can build a root")


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """The packages directory, with the list `small` built and current."""
    it = PackagesDir(tmp_path_factory.mktemp("package-init"))
    it.write_list("small", SMALL, "locales: [en_US.UTF-8]\n")
    it.first = it.build("small")
    return it


@pytest.fixture(autouse=True)
def small_is_current(packages):
    """Each test begins with the root of `small`, built only once."""
    packages.build("small")


def test_a_root_is_named_after_its_inputs_and_holds_what_was_declared(packages):
    assert re.fullmatch(r"roots/[0-9a-f]{64}", packages.current())
    assert packages.first.stdout.startswith("built: profile small")
    manifest = packages.manifest()
    assert manifest["address"] == packages.current().removeprefix("roots/")
    by_name = {package["name"]: package for package in manifest["packages"]}
    assert set(SMALL) <= set(by_name)
    assert by_name["bash"]["source"] == "debian" and by_name["bash"]["version"].startswith("5.")
    assert manifest["left_out"] == []


def test_progress_is_plain_lines_without_a_terminal(packages):
    lines = packages.first.stderr.splitlines()
    assert any(re.fullmatch(r"package-init: \[3/7\] installing Debian packages: \d+%.*", line) for line in lines), lines
    assert "\r" not in packages.first.stderr and "\x1b" not in packages.first.stderr


def test_a_second_run_has_nothing_to_do(packages):
    before = os.lstat(packages.path / "current").st_mtime_ns
    done = packages.build("small")
    assert done.stdout.startswith("nothing to do: profile small")
    assert done.stderr == ""
    assert os.lstat(packages.path / "current").st_mtime_ns == before


def test_nothing_in_a_root_is_privileged_or_can_install(packages):
    root = packages.path / "current"
    privileged = [path for path in root.resolve().rglob("*") if not path.is_symlink() and path.lstat().st_mode & 0o6000]
    assert privileged == []
    for name in ("su", "mount", "umount", "passwd", "dpkg", "apt-get", "chsh"):
        assert not (root / "usr/bin" / name).exists(), name
    for name in ("etc/resolv.conf", "var/lib/apt", "var/cache/apt", "root", "home"):
        assert not (root / name).exists(), name


def test_cells_use_the_current_root(packages):
    assert packages.in_cell("cat /usr/lib/os-release") != pathlib.Path("/usr/lib/os-release").read_text()
    assert packages.in_cell("LC_ALL=en_US.UTF-8 locale charmap; LC_ALL=C.UTF-8 locale charmap") == "UTF-8\nUTF-8\n"
    # Links, not mounts: below /etc only what names the cell's own user is mounted, and no copy of the root's.
    assert packages.in_cell("ls /etc/alternatives/ >/dev/null; grep -o ' /etc/[^ ]*' /proc/self/mounts | sort") == \
        " /etc/group\n /etc/passwd\n"


def test_doctor_and_config_tell_which_root_is_used(packages):
    def run(*arguments, **environment):
        return subprocess.run([binary(), *arguments], env=clean_environment(**environment), text=True,
                              capture_output=True, timeout=BUILD_SECONDS).stdout
    told = run("doctor", CODEAPI_PACKAGES_DIR=packages.path)
    assert re.search(r"^root +ok +programs see .*/roots/[0-9a-f]{64} \(profile small, trixie", told, re.M), told
    told = run("doctor", CODEAPI_PACKAGES_DIR=packages.path / "none")
    assert re.search(r"^root +missing +programs see this machine's own /usr", told, re.M), told
    assert "CODEAPI_PACKAGES_DIR" in run("config", CODEAPI_PACKAGES_DIR=packages.path)


def test_two_at_once_build_one_root(packages):
    packages.write_list("both", [*SMALL, "bc"])
    before = set(packages.roots())
    both = [subprocess.Popen(packages.command("--profile", "both"), env=clean_environment(), text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    said = sorted(process.communicate(timeout=BUILD_SECONDS) for process in both)
    assert [process.returncode for process in both] == [0, 0], said
    assert [out.split(":")[0] for out, _ in said] == ["built", "nothing to do"], said
    assert "is building here; waiting for it" in said[1][1]
    assert len(set(packages.roots()) - before) == 1
    assert packages.manifest()["profile"] == "both"


def test_a_package_that_does_not_exist_leaves_the_old_root(packages):
    before, roots = packages.current(), packages.roots()
    packages.write_list("wrong", [*SMALL, "codeapi-no-such-package"])
    done = packages.run("--profile", "wrong")
    assert done.returncode == 1
    assert "Unable to locate package codeapi-no-such-package" in done.stderr
    assert (packages.current(), packages.roots()) == (before, roots)


def test_a_mirror_that_is_away_leaves_the_old_root(packages):
    before, roots = packages.current(), packages.roots()
    packages.write_list("away", [*SMALL, "dos2unix"])
    done = packages.run("--profile", "away", CODEAPI_DEBIAN_MIRROR="http://127.0.0.1:1/debian")
    assert done.returncode == 1
    assert "could not be had from http://127.0.0.1:1/debian" in done.stderr
    assert (packages.current(), packages.roots()) == (before, roots)
    assert "dos2unix" in packages.build("away").stdout or packages.manifest()["profile"] == "away"


def test_lists_that_are_not_signed_by_a_known_key_are_refused(packages, tmp_path):
    keyring = tmp_path / "empty.gpg"
    keyring.write_bytes(b"")
    packages.write_list("unsigned", [*SMALL, "tree"])
    done = packages.run("--profile", "unsigned", CODEAPI_DEBIAN_KEYRING=keyring)
    assert done.returncode == 1
    assert "does not have the keys of trixie" in done.stderr


def test_a_killed_build_leaves_the_old_root_and_goes_on_from_its_downloads(packages):
    before = packages.current()
    packages.write_list("killed", [*SMALL, "zip"])
    process = subprocess.Popen(packages.command("--profile", "killed"), env=clean_environment(), text=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    alarm = threading.Timer(BUILD_SECONDS, process.kill)
    alarm.start()
    for line in process.stderr:
        if "installing Debian packages" in line:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stderr.close()
    alarm.cancel()
    assert process.returncode == -signal.SIGKILL
    assert packages.current() == before
    assert any(name.startswith(".build-") for name in packages.roots()), "it was killed too early or too late"
    done = packages.build("killed")
    assert re.search(r" 0 of them to download: 0 MB$", done.stderr, re.M), done.stderr
    assert packages.manifest()["profile"] == "killed"
    assert not any(name.startswith(".build-") for name in packages.roots())


def test_force_builds_again_beside_the_old_one(packages):
    before = packages.current()
    assert packages.build("small", "--force").stdout.startswith("built:")
    assert packages.current() == before + ".2"
    assert packages.manifest()["address"] == before.removeprefix("roots/")


def test_a_running_server_takes_a_new_root_and_prune_spares_what_it_uses(packages):
    packages.write_list("newer", [*SMALL, "xxd"])
    server = Server({"CODEAPI_PACKAGES_DIR": packages.path, "CODEAPI_POOL_SIZE": 1}).start()
    try:
        assert server.exec_("bash", "command -v xxd || echo none")["stdout"] == "none\n"
        old = packages.current().removeprefix("roots/")
        long = {}
        waiting = threading.Thread(target=lambda: long.update(server.exec_(
            "bash", "until [ -e /tmp/never ] || [ $SECONDS -ge 20 ]; do sleep 0.1; done; command -v xxd || echo none")))
        waiting.start()
        packages.build("newer")
        assert f"/{old}" not in packages.run("--prune").stdout, "a root that cells use was removed"
        assert server.exec_("bash", "command -v xxd || echo none")["stdout"] == "/usr/bin/xxd\n"
        waiting.join()
        assert long["stdout"] == "none\n", "a program under way lost its root"
    finally:
        assert server.stop() == 0, server.log()
        server.destroy()
    assert f"/{old}\n" in packages.run("--prune").stdout
    assert packages.roots() == [packages.current().removeprefix("roots/")]
    assert packages.run("--prune").stdout == "nothing to remove\n"


def test_list_and_dry_run_and_what_cannot_be_asked(packages):
    listed = packages.run("--list")
    assert listed.returncode == 0
    assert re.search(r"^bash +5\.\S+ +debian +\S+$", listed.stdout, re.M), listed.stdout
    packages.write_list("planned", [*SMALL, "jq"])
    before = packages.current(), packages.roots()
    planned = packages.run("--profile", "planned", "--dry-run")
    assert planned.returncode == 0, planned.stderr
    assert "it is not built yet" in planned.stdout and " jq" in planned.stdout
    assert "Debian packages, " in planned.stdout
    assert (packages.current(), packages.roots()) == before
    wrong = packages.run("--profile", "smal")
    assert wrong.returncode == 1 and 'no profile "smal"; there are: ' in wrong.stderr
    for clash in (("--list", "--force"), ("--prune", "--dry-run"), ("--nonsense",)):
        assert packages.run(*clash).returncode not in (0, 1), clash
