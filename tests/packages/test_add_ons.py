"""What a root holds beside Debian's packages: wheels by checksum, npm packages by lock file."""

import hashlib
import json
import shutil
import zipfile

import pytest

from harness import ROOT, rootless
from packages_dir import SMALL, PackagesDir

pytestmark = pytest.mark.skipif(rootless(), reason="only root can build a root")


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """A packages directory with nothing built."""
    return PackagesDir(tmp_path_factory.mktemp("add-ons"))


def wheel(directory, name, version, code):
    """Makes a wheel and returns its checksum."""
    info = f"{name}-{version}.dist-info"
    path = directory / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}/__init__.py", code)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_wheels_are_installed_by_checksum_and_what_cannot_be_had_is_named(packages, tmp_path):
    good = wheel(tmp_path, "goodwheel", "1.0", "answer = 42\n")
    (packages.lists / "pypi").mkdir(exist_ok=True)
    text = f"goodwheel==1.0 --hash=sha256:{good}\nabsent==1.0 --hash=sha256:{good}\nunlocked==2.0\n"
    (packages.lists / "pypi" / "wheels.txt").write_text(text)
    packages.write_list("wheels", [*SMALL, "python3"], "pypi: [wheels]\n")
    offline = {"PIP_FIND_LINKS": tmp_path, "PIP_NO_INDEX": 1}
    done = packages.build("wheels", **offline)
    assert "left out: absent unlocked" in done.stdout
    reasons = {package["name"]: package["reason"] for package in packages.manifest()["left_out"]}
    assert "does not have it" in reasons["absent"] and "checksum is not known" in reasons["unlocked"]
    assert {"name": "goodwheel", "version": "1.0", "architecture": "", "source": "pypi"} in packages.manifest()["packages"]
    assert packages.in_cell("import goodwheel; print(goodwheel.answer, goodwheel.__cached__.endswith('.pyc'))",
                            "py") == "42 True\n"

    before = packages.current()
    (packages.lists / "pypi" / "wheels.txt").write_text("goodwheel==1.0 --hash=sha256:" + "0" * 64 + "\n")
    done = packages.run("--profile", "wheels", **offline)
    assert done.returncode == 1 and "DO NOT MATCH THE HASHES" in done.stderr
    assert packages.current() == before


USES = """
const names = NAMES;
const failed = [];
for (const name of names) { try { require(name); } catch (error) { failed.push(`require ${name}: ${error.message}`); } }
(async () => {
  for (const name of names) {
    try { await import(name); } catch (error) { failed.push(`import ${name}: ${error.message}`); }
  }
  console.log(process.versions.bun ? "bun" : "node", names.length, failed.join("; "));
})();
"""


def test_javascript_packages_are_found_by_require_and_import_in_node_and_bun(packages):
    shutil.copytree(ROOT / "packages" / "npm", packages.lists / "npm")
    programs = "".join(f"  - {{from: \"runtimes/{package}/bin/{name}\", to: /usr/bin/{name}}}\n"
                       for package, name in (("node-linux-*", "node"), ("@oven/bun-linux-*", "bun")))
    packages.write_list("javascript", [*SMALL, "libstdc++6"], f"npm: libraries\nprograms:\n{programs}")
    packages.build("javascript")
    names = sorted(json.loads((packages.lists / "npm/libraries/package.json").read_text())["dependencies"])
    code = USES.replace("NAMES", json.dumps(names))
    # Nothing lies beside the program, and no variable says where packages are.
    script = f"cat >/tmp/uses.js <<'END'\n{code}\nEND\nunset NODE_PATH\nnode /tmp/uses.js\nbun /tmp/uses.js\n"
    assert packages.in_cell(script) == f"node {len(names)} \nbun {len(names)} \n"
    installed = {(package["name"], package["source"]) for package in packages.manifest()["packages"]}
    assert {(name, "npm") for name in names} <= installed
    assert {name for name, source in installed if source == "npm" and "-linux-" in name} != set()
