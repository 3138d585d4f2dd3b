"""Attacks on the kernel (43–58): which doors there are, and that each is closed.

The walk of every system call (48, 49) is in test_system_calls.py, reading (54) in test_knowledge.py.
"""

import hashlib
import pathlib

from attack import attack, outcomes
from harness import binary, rootless

ATTACKS = {
    43: ("New namespaces, `setns`",
         "refused by both filters: `unshare`, `setns`, flags of `clone`; `clone3` is unknown"),
    44: ("Mounts, old and new calls, `chroot`, `pivot_root`", "refused by the filter; no capabilities"),
    45: ("`ptrace`, other processes' memory and descriptors",
         "refused by the filter; `hidepid`; init has another user id and is not dumpable"),
    46: ("`bpf`, `perf_event_open`, `userfaultfd`, `io_uring`, keys",
         "refused by the filter, or unknown to it"),
    47: ("Modules, `kexec`, reboot, swap, clocks, `syslog`, ports",
         "the filter kills whoever calls what no program needs, and refuses the rest; no capabilities"),
    48: ("Foreign calling conventions and personalities",
         "killed by the filter; the personality can only be asked for"),
    49: ("Upper halves of arguments, numbers beyond the table",
         "an allow-list, unknown is ENOSYS; `int` arguments are compared on 32 bits"),
    50: ("Files by handle", "refused by the filter"),
    51: ("Setuid files, capabilities",
         "`no_new_privs`, `nosuid` on every mount, empty capability sets, no groups"),
    52: ("Root in a user namespace of its own", "no user namespace can be made, no id map written"),
    53: ("Writing to `/proc`, `/sys`, cgroups, the root",
         "read-only mounts, no `/sys`, no cgroup tree; Landlock: written is the workspace only"),
    55: ("Devices, typing into a terminal",
         "five devices, `nodev` elsewhere, no `CAP_MKNOD`; `TIOCSTI` refused; no terminal"),
    56: ("Sockets of every family but local ones",
         "the filter leaves AF_UNIX; the network namespace is empty"),
    57: ("Programs without a name, writing over a program that runs",
         "filters and `no_new_privs` outlive an exec; `/proc/1/exe` cannot be seen, the root not be "
         "written"),
    58: ("Descriptors that somebody forgot",
         "`close_range` twice: before init and before the program; `O_CLOEXEC` always"),
}


def test_43_no_new_namespaces(server):
    found = outcomes(attack(server, "43_namespaces.c"))
    assert found.pop("fork") == "7"
    assert not [name for name in found if name.startswith("leaked.")], found
    kinds = {"newns", "newcgroup", "newuts", "newipc", "newuser", "newpid", "newnet", "newtime"}
    for call in ("unshare", "clone", "clone_high", "clone3", "setns", "setns_high"):
        tried = {name.split(".")[1]: result for name, result in found.items() if name.startswith(call + ".")}
        expected = "ENOSYS" if call == "clone3" else "EPERM"
        missing = {"newtime"} if call in ("clone", "clone_high") else set()
        assert kinds - set(tried) == missing
        assert set(tried.values()) == {expected}, tried


def test_44_no_mounts(server):
    found = outcomes(attack(server, "44_mounts.c"))
    unknown = {"open_tree_attr", "unknown.1000", "unknown.4095"}
    assert {name: found.pop(name) for name in unknown} == dict.fromkeys(unknown, "ENOSYS")
    assert len(found) == 16 and set(found.values()) == {"EPERM"}, found


def test_45_no_other_process_can_be_reached(server):
    found = outcomes(attack(server, "45_other_processes.c"))
    files = ("mem", "maps", "environ", "fd/0", "cwd/x", "root/etc/passwd", "exe", "auxv", "syscall", "stack",
             "fdinfo/3", "map_files", "oom_score_adj", "comm")
    hidden = {name: found.pop(f"init.{name}") for name in files}
    assert set(hidden.values()) == {"ENOENT"}, hidden
    # A child is the program's own, and may be read as such: it is the program.
    for name in files:
        del found[f"child.{name}"]
    assert len(found) == 1 + 2 * 8 and set(found.values()) == {"EPERM"}, found


def test_46_no_doors_into_the_kernel(server):
    found = outcomes(attack(server, "46_kernel_surface.c"))
    for name, result in found.items():
        assert result == ("ENOSYS" if name.startswith("io_uring") else "EPERM"), found
    assert len(found) == 13


def test_47_the_machine_is_not_to_be_had(server):
    found = outcomes(attack(server, "47_machine.c"))
    assert found.pop("name") == "sandbox"
    killed = {name: found.pop(name) for name in list(found) if name.startswith("killed.")}
    assert len(killed) >= 9 and set(killed.values()) == {"SIGSYS"}, killed
    assert len(found) >= 16 and set(found.values()) == {"EPERM"}, found


def test_50_no_files_by_handle(server):
    found = outcomes(attack(server, "50_handles.c"))
    assert len(found) == 11 and set(found.values()) == {"EPERM"}, found


def test_51_nothing_makes_it_root(server):
    found = outcomes(attack(server, "51_setuid.c"))
    assert not [name for name in found if name.startswith("suid.")], found
    expected = {"found": "some", "worked": "0", "own": "nothing", "fsuid": "own", "no_new_privs": "1",
                "groups": "0"}
    assert {name: found.pop(name) for name in expected} == expected
    sets = {name: found.pop(name) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
    assert set(sets.values()) == {"0"}, sets
    # Of an ordinary user's cell no other id is known: not refused, but invalid.
    assert len(found) == 9 and set(found.values()) == {"EPERM"} | ({"EINVAL"} if rootless() else set()), found


def test_52_no_root_in_a_namespace_of_its_own(server):
    found = outcomes(attack(server, "52_user_namespace.c"))
    assert (found.pop("uid"), found.pop("unshare_tool")) == ("not root", "1")
    maps = {name: found.pop(name) for name in ("uid_map", "gid_map", "setgroups")}
    assert set(maps.values()) <= {"EPERM", "EACCES"}, maps
    for name, result in found.items():
        assert result == ("ENOSYS" if name.startswith("clone3.") else "EPERM"), found
    assert len(found) == 21


def test_53_nothing_outside_of_the_workspace_is_writable(server):
    answer = attack(server, "53_write_everything.py")
    assert (answer["code"], answer["stderr"]) == (0, ""), answer
    lines = answer["stdout"].splitlines()
    assert {line for line in lines if line.startswith("writable")} == {
        f"writable /dev/{name}" for name in ("full", "null", "random", "urandom", "zero")}
    # core_pattern is covered by /dev/null; what is not there at all depends on the kernel.
    for line in lines:
        if line.startswith("/") and "core_pattern" not in line:
            assert line.split()[1] in ("ENOENT", "EACCES", "EROFS", "EPERM"), line
    assert lines[-5:-1] == ["oom_score_adj -1000 EACCES", "oom_score_adj 0 EACCES",
                            "oom_score_adj 999 EACCES",
                            "oom_score_adj 1000"]
    assert lines[-1] in ("last_pid EPERM", "last_pid EACCES")


def test_55_no_devices_and_no_terminal(server):
    found = outcomes(attack(server, "55_devices.c"))
    opened = {name: found.pop(name) for name in list(found) if name.startswith("open.")}
    assert len(opened) == 34 and set(opened.values()) <= {"ENOENT", "ENXIO"}, opened
    assert {name for name, result in opened.items() if result == "ENXIO"} <= {"open.tty"}
    assert len(found) == 8 + 6 and set(found.values()) == {"EPERM"}, found


def test_56_no_sockets_but_local_ones(server):
    found = outcomes(attack(server, "56_sockets.c"))
    local = {name: found.pop(name) for name in ("unix.pair", "unix.bind", "unix.listen", "unix.connect",
                                                "high.unix")}
    assert set(local.values()) == {"ok"}, local
    assert len(found) == 63 * 6 + 2 and set(found.values()) == {"EPERM"}, found


def executables():
    """The programs of the service, by what is in them."""
    directory = pathlib.Path(binary()).parent
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in (directory / "codeapi", directory / "codeapi-jailer", directory / "codeapi-init")}


def test_57_programs_without_a_name_gain_nothing(server):
    before = executables()
    found = outcomes(attack(server, "57_exec.c"))
    started = ("memfd", "memfd.proc", "descriptor", "deleted")
    assert {name: found.pop(name) for name in started} == dict.fromkeys(started, "locked down")
    init = {name: found.pop(name) for name in list(found) if name.startswith("init_exe.")}
    assert len(init) == 5 and set(init.values()) <= {"ENOENT", "EACCES"}, init
    assert found.pop("shell.write") in ("EACCES", "EROFS")
    assert found == {"unnamed.open_for_writing": "ETXTBSY", "own_exe.write": "ETXTBSY"}
    assert executables() == before


def test_58_no_descriptor_was_forgotten(server):
    for stdin in (None, "some input"):
        found = outcomes(attack(server, "58_descriptors.c", **({} if stdin is None else {"stdin": stdin})))
        assert not [name for name in found if name.startswith(("leaked.", "above."))], found
        first = ("device", "/dev/null") if stdin is None else ("file", found["stdin"])
        assert (found.pop("kind.0"), found.pop("stdin")) == first
        assert (found.pop("kind.1"), found.pop("kind.2")) == ("pipe", "pipe")
        for number in range(3):
            for way in ("directory", "enter", "through"):
                assert found.pop(f"{way}.{number}") == "ENOTDIR"
        assert found.pop("parent_ns") in ("EPERM", "ENOTTY")
        assert len(found) == 4 and set(found.values()) <= {"ENOENT", "EACCES"}, found
