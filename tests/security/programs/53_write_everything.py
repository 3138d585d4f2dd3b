"""Attack 53: opens for writing whatever there is outside the work directory, and says what it could."""
import errno
import os
import stat

SPECIAL = ["/proc/1/oom_score_adj", "/proc/sysrq-trigger",
           "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hostname",
           "/proc/sys/vm/drop_caches", "/proc/sys/fs/binfmt_misc/register",
           "/sys/kernel/uevent_helper", "/sys/kernel/mm/ksm/run", "/sys/power/state",
           "/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/memory/release_agent",
           "/sys/fs/cgroup/release_agent",
           "/dev/kmsg", "/dev/mem", "/dev/sda", "/etc/passwd", "/etc/ld.so.preload", "/etc/ld.so.cache",
           "/usr/bin/python3", "/usr/lib/python3/dist-packages/codeapi.pth", "/root/.bashrc", "/run/x",
           "/var/x"]


def outcome(path, flags=os.O_WRONLY):
    try:
        os.close(os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY))
        return "opened"
    except OSError as error:
        return errno.errorcode[error.errno]


def walk(top):
    """Every file below it that can be opened for writing, and every directory that takes a new one."""
    opened = []
    for directory, below, files in os.walk(top):
        below[:] = [name for name in below if not (directory == "/proc" and name.isdigit())]
        for name in files:
            path = f"{directory}/{name}"
            if path == "/proc/sys/kernel/ns_last_pid":
                continue  # may be opened by anybody, and is tried below
            if not stat.S_ISLNK(os.lstat(path).st_mode) and outcome(path) == "opened":
                opened.append(path)
        if outcome(f"{directory}/codeapi-attack", os.O_CREAT | os.O_WRONLY) == "opened":
            opened.append(directory)
    return opened


for path in SPECIAL:
    print(path, outcome(path))
for top in ("/proc", "/sys", "/etc", "/dev", "/run", "/var", "/usr/bin", "/usr/lib/python3"):
    for path in walk(top):
        # /dev/null stands in the place of what is hidden.
        covered = os.stat(path).st_rdev == os.stat("/dev/null").st_rdev and top == "/proc"
        if not covered and not path.startswith("/dev/shm"):
            print("writable", path)
for text in ("-1000", "0", "999"):
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write(text)
        print("oom_score_adj", text, "ok")
    except OSError as error:
        print("oom_score_adj", text, errno.errorcode[error.errno])
with open("/proc/self/oom_score_adj") as file:
    print("oom_score_adj", file.read().strip())
try:
    with open("/proc/sys/kernel/ns_last_pid", "w") as file:
        file.write("1")
    print("last_pid ok")
except OSError as error:
    print("last_pid", errno.errorcode[error.errno])
