"""Attacks on the kernel (43–58, without 54): which doors there are, and that each is closed."""

from attack import attack, outcomes


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


def test_46_no_doors_into_the_kernel(server):
    found = outcomes(attack(server, "46_kernel_surface.c"))
    for name, result in found.items():
        assert result == ("ENOSYS" if name.startswith("io_uring") else "EPERM"), found
    assert len(found) == 13


def test_56_no_sockets_but_local_ones(server):
    found = outcomes(attack(server, "56_sockets.c"))
    local = {name: found.pop(name) for name in ("unix.pair", "unix.bind", "unix.listen", "unix.connect",
                                                "high.unix")}
    assert set(local.values()) == {"ok"}, local
    assert len(found) == 63 * 6 + 2 and set(found.values()) == {"EPERM"}, found
