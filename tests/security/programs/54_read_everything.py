"""Attack 54: reads every file that can be read, and looks for what the host would not tell.

The arguments are the secrets, in hexadecimal and backwards so that this program's own arguments do not match.
"""
import errno
import os
import stat
import sys

needles = [bytes.fromhex(argument)[::-1] for argument in sys.argv[1:]]
MAX_FILES, MAX_BYTES, MAX_DEPTH = 30000, 1 << 18, 8
read = 0


def contents(path):
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return b""
    data = b""
    try:
        while len(data) < MAX_BYTES and (piece := os.read(fd, 1 << 16)):
            data += piece
    except OSError:
        pass
    os.close(fd)
    return data


def walk(directory, depth):
    global read
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if read >= MAX_FILES:
            return
        try:
            mode = entry.stat(follow_symlinks=False).st_mode
        except OSError:
            continue
        if stat.S_ISLNK(mode):
            try:
                data = os.readlink(entry.path).encode(errors="surrogateescape")
            except OSError:
                continue
        elif stat.S_ISDIR(mode):
            if depth < MAX_DEPTH:
                walk(entry.path, depth + 1)
            continue
        elif stat.S_ISREG(mode) and not entry.path.endswith("/mem"):
            read += 1
            data = contents(entry.path)
        else:
            continue
        for number, needle in enumerate(needles):
            if needle in data:
                print(f"FOUND {number} in {entry.path}")


def outcome(path):
    """What reading this file gives: an errno's name, or how many bytes there are."""
    try:
        with open(path, "rb", buffering=0) as file:
            return str(len(file.read(MAX_BYTES) or b""))
    except OSError as error:
        return errno.errorcode[error.errno]


for top in ("/proc", "/etc", "/dev", "/tmp", "/mnt", "/run", "/var", "/sys", "/home", "/root", "/opt", "/srv",
            "/boot"):
    walk(top, 0)
for variable, value in os.environb.items():
    for number, needle in enumerate(needles):
        if needle in value:
            print(f"FOUND {number} in the variable {variable.decode(errors='replace')}")
print("read", read)
for path in ("/proc/1/environ", "/proc/1/maps", "/proc/1/mem", "/proc/1/fd", "/proc/1/cwd/etc/passwd",
             "/proc/1/root/etc/passwd", "/proc/kallsyms", "/proc/config.gz", "/proc/kcore", "/proc/kmsg",
             "/proc/cmdline",
             "/proc/cgroups", "/proc/modules", "/proc/version", "/proc/keys", "/proc/sysrq-trigger",
             "/etc/shadow",
             "/etc/machine-id", "/var/lib/dbus/machine-id", "/etc/resolv.conf",
             "/sys/class/dmi/id/product_name",
             "/dev/kmsg", "/dev/mem", "/root/.ssh/id_rsa"):
    print(path, outcome(path))
print("nodename", os.uname().nodename)
with open("/proc/self/cgroup") as file:
    print("cgroups", sorted({line.rstrip("\n").split(":", 2)[2] for line in file}))
print("pids", sorted(int(entry) for entry in os.listdir("/proc") if entry.isdigit()
                     and int(entry) != os.getpid()))
