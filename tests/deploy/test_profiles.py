"""deploy/: what is written there, used. The containers are runc's; AppArmor's profiles can only be compiled here."""

import json
import os
import subprocess

import pytest
from census import named_below, status_of
from containers import SECCOMP, Bundle, ContainedServer
from harness import ROOT, by_name, reference, until

# Those of the chart's worker: what the jailer keeps, device nodes for its root, and a port below 1024.
CAPABILITIES = ["sys_admin", "sys_chroot", "sys_ptrace", "setuid", "setgid", "setpcap", "chown", "dac_override", "kill",
                "sys_resource", "mknod", "net_bind_service"]
NUMBERS = dict(zip(CAPABILITIES, [21, 18, 19, 7, 6, 8, 0, 1, 5, 24, 27, 10]))
HELD = int(status_of(os.getpid())["CapBnd"], 16)
GIVEN = [name for name in CAPABILITIES if HELD >> NUMBERS[name] & 1]
FORBIDDEN = {"kexec_load": 246, "bpf": 321, "perf_event_open": 298, "init_module": 175, "keyctl": 250,
             "userfaultfd": 323, "io_uring_setup": 425, "reboot": 169, "process_vm_readv": 310, "open_by_handle_at": 304,
             "fsopen": 430, "swapon": 167, "settimeofday": 164}
UNPRIVILEGED_ONLY = {"ptrace": 101, "mount": 165, "unshare": 272, "setns": 308, "pivot_root": 155, "clone3": 435}
PROBE = """
import ctypes, json, errno
libc = ctypes.CDLL(None, use_errno=True)
said = {}
for name, number in json.loads('%s').items():
    ctypes.set_errno(0)
    result = libc.syscall(number, 0, 0, 0, 0, 0)
    said[name] = errno.errorcode.get(ctypes.get_errno(), 0) if result < 0 else result
print(json.dumps(said))
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a container here")


def probe(profile, calls):
    bundle = Bundle(["/usr/bin/python3", "-c", PROBE % json.dumps(calls)], profile, GIVEN)
    done = bundle.run()
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_profiles_are_what_the_filters_lists_say():
    assert subprocess.run([ROOT / "scripts" / "seccomp-profiles.py", "--check"], check=False).returncode == 0


@pytest.mark.parametrize("profile", ["codeapi-worker.json", "codeapi-service.json"])
def test_forbidden_calls_fail_although_the_capabilities_are_there(profile):
    assert os.uname().machine == "x86_64", "the numbers are x86_64's"
    assert set(probe(profile, FORBIDDEN).values()) == {"ENOSYS"}


def test_other_services_get_no_namespaces_and_mounts():
    assert set(probe("codeapi-service.json", UNPRIVILEGED_ONLY).values()) == {"ENOSYS"}
    # The test can tell: where cells are made, these reach the kernel.
    assert "ENOSYS" not in probe("codeapi-worker.json", UNPRIVILEGED_ONLY).values()


@pytest.mark.parametrize("request_", [1, 3, 4, 5, 6, 12, 13, 16, 0x4203, 0x4205, 0x4206, 0x4208],
                         ids=lambda value: hex(value))
def test_no_process_can_be_attached_to_or_written_to(request_):
    calls = PROBE.replace("(number, 0, 0", "(number, %d, 1" % request_) % json.dumps({"ptrace": 101})
    bundle = Bundle(["/usr/bin/python3", "-c", calls], "codeapi-worker.json", GIVEN)
    assert json.loads(bundle.run().stdout) == {"ptrace": "ENOSYS"}


@pytest.fixture(scope="module")
def contained():
    it = ContainedServer(GIVEN, {"CODEAPI_ROOT": "host", "CODEAPI_WORKER_USER": "54321:54321", "CODEAPI_WARM": "on"})
    try:
        yield it.start()
    finally:
        it.destroy()


def test_programs_run_under_the_workers_profile(contained):
    made = contained.exec_("bash", "echo 1 > a.txt; id -u")
    assert int(made["stdout"]) >= contained.uid_base
    read = contained.exec_("py", "print(open('a.txt').read(), end=''); import numpy, threading, subprocess\n"
                                 "print(subprocess.run(['echo', '2'], capture_output=True, text=True).stdout)",
                           files=[reference(by_name(made)["a.txt"])])
    assert (read["stdout"], read["code"]) == ("1\n2\n\n", 0), read
    built = contained.exec_("c", '#include <stdio.h>\nint main(void) { puts("built"); }')
    assert built["stdout"] == "built\n", built

    def warm():
        assert contained.exec_("py", "print(1)")["stdout"] == "1\n"
        return 'language="py",start="warm"' in contained.get("/metrics").body.decode()

    until(warm, "Python programs start warm", 30)


def test_programs_see_the_errors_of_their_own_filter(contained):
    code = PROBE % json.dumps({"ptrace": 101, "mount": 165, "bpf": 321, "io_uring_setup": 425})
    said = json.loads(contained.exec_("py", code)["stdout"])
    assert said == {"ptrace": "EPERM", "mount": "EPERM", "bpf": "EPERM", "io_uring_setup": "ENOSYS"}


def test_nobody_in_the_container_holds_more_than_was_given(contained):
    allowed = sum(1 << NUMBERS[name] for name in GIVEN)
    inside = {comm: named_below(contained.process.pid, comm)
              for comm in ("codeapi", "codeapi-launch", "codeapi-jailer", "init")}
    assert inside["codeapi"] and inside["codeapi-launch"] and inside["codeapi-jailer"]
    for pids in inside.values():
        for pid in pids:
            status = status_of(pid)
            assert int(status["CapBnd"], 16) & ~allowed == 0, status
            assert status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2", status
    worker, = inside["codeapi"]
    assert int(status_of(worker)["CapBnd"], 16) == 0 and status_of(worker)["Uid"].split() == ["54321"] * 4
    jailer, = inside["codeapi-jailer"]
    more = (1 << NUMBERS["mknod"]) | (1 << NUMBERS["net_bind_service"])
    assert int(status_of(jailer)["CapEff"], 16) == allowed & ~more


@pytest.mark.parametrize("profile", sorted(path.name for path in (ROOT / "deploy" / "apparmor").iterdir()))
def test_apparmor_compiles(profile):
    path = ROOT / "deploy" / "apparmor" / profile
    compiled = subprocess.run(["/usr/sbin/apparmor_parser", "--skip-kernel-load", "--skip-cache", "--stdout", path],
                              capture_output=True, check=False)
    assert compiled.returncode == 0, compiled.stderr
    assert profile.encode() in compiled.stdout
    assert f"profile {profile} " in path.read_text()


def test_apparmor_gives_the_worker_the_capabilities_of_the_table():
    text = (ROOT / "deploy" / "apparmor" / "codeapi-worker").read_text()
    granted = [line.split()[1].rstrip(",") for line in text.splitlines() if line.startswith("  capability ")]
    assert sorted(granted) == sorted(CAPABILITIES)
    assert "capability" not in "".join(line for line in (ROOT / "deploy" / "apparmor" / "codeapi-service").read_text()
                                       .splitlines() if not line.startswith("#"))
