"""Containers without a container engine: runc on a bundle whose tree is this machine's /usr and the build."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import uuid

from harness import ROOT, Server, binary, clean_environment

SECCOMP = ROOT / "deploy" / "seccomp"
ARCHITECTURES = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}


def oci(profile):
    """The profile in the words of the OCI runtime, as an engine hands it on."""
    known = json.loads((SECCOMP / profile).read_text())
    arch = ARCHITECTURES[os.uname().machine]
    assert arch in [entry["architecture"] for entry in known["archMap"]]
    return {"defaultAction": known["defaultAction"], "defaultErrnoRet": known["defaultErrnoRet"],
            "architectures": [arch], "syscalls": known["syscalls"]}


def mount(source, to, *options, kind="bind"):
    return {"destination": to, "source": str(source), "type": kind, "options": list(options)}


class Bundle:
    """A directory that runc can run `argv` from, with the network of the host."""

    def __init__(self, argv, profile, capabilities=(), environment=None, writable=()):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="codeapi-bundle-"))
        self.id = "codeapi-test-" + uuid.uuid4().hex
        root = self.directory / "rootfs"
        root.mkdir(mode=0o755)
        for link in ("bin", "sbin", "lib", "lib64"):
            os.symlink("usr/" + link, root / link)
        for name in ("usr", "etc", "opt", "proc", "dev", "sys", "tmp", "var"):
            (root / name).mkdir()
        mounts = [mount("proc", "/proc", kind="proc"), mount("tmpfs", "/dev", "nosuid", "mode=755", kind="tmpfs"),
                  mount("sysfs", "/sys", "nosuid", "noexec", "nodev", "ro", kind="sysfs"),
                  mount("tmpfs", "/tmp", "nosuid", "nodev", "mode=1777", kind="tmpfs"),
                  mount("/usr", "/usr", "rbind", "ro"), mount("/etc", "/etc", "rbind", "ro"),
                  mount(pathlib.Path(binary()).parent, "/opt/codeapi", "bind", "ro"),
                  *(mount(path, str(path), "bind", "rw") for path in writable)]
        if capabilities:  # what makes cells has its control groups
            mounts.append(mount("/sys/fs/cgroup", "/sys/fs/cgroup", "rbind", "rw"))
        caps = ["CAP_" + name.upper() for name in capabilities]
        config = {
            "ociVersion": "1.0.2", "root": {"path": "rootfs", "readonly": False}, "mounts": mounts,
            "process": {
                "args": [str(word) for word in argv], "cwd": "/", "user": {"uid": 0, "gid": 0}, "terminal": False,
                "env": [f"{name}={value}" for name, value in clean_environment(**(environment or {})).items()],
                "noNewPrivileges": True,
                "capabilities": {kind: caps for kind in ("bounding", "effective", "permitted")}},
            "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")],
                      "cgroupsPath": "/" + self.id, "seccomp": oci(profile),
                      "resources": {"devices": [{"allow": True, "access": "rwm"}]}},
        }
        (self.directory / "config.json").write_text(json.dumps(config))

    def command(self):
        return ["runc", "run", "--bundle", str(self.directory), self.id]

    def run(self):
        try:
            return subprocess.run(self.command(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                                  check=False)
        finally:
            self.destroy()

    def destroy(self):
        subprocess.run(["runc", "delete", "--force", self.id], capture_output=True, check=False)
        shutil.rmtree(self.directory, ignore_errors=True)


class ContainedServer(Server):
    """`codeapi serve` in such a container."""

    def __init__(self, capabilities, environment):
        super().__init__(environment)
        self.bundle = Bundle(["/opt/codeapi/codeapi", "serve"], "codeapi-worker.json", capabilities, self.settings,
                             [self.directory])
        self.executable = self.directory / "codeapi"
        words = " ".join(self.bundle.command())
        self.executable.write_text(f"#!/bin/sh\nexec {words}\n")
        self.executable.chmod(0o755)

    def destroy(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.wait()
        super().destroy()
        self.bundle.destroy()
