"""Attack 31: second names for what is not the program's, and for its inputs."""
import ctypes
import errno
import os

AT_FDCWD, AT_SYMLINK_FOLLOW, AT_EMPTY_PATH = -100, 0x400, 0x1000
libc = ctypes.CDLL(None, use_errno=True)


def link(source, target, flags=0, directory=AT_FDCWD):
    result = libc.linkat(directory, source.encode(), AT_FDCWD, target.encode(), flags)
    return "ok" if result == 0 else errno.errorcode[ctypes.get_errno()]


for number, source in enumerate(("/etc/passwd", "/etc/hostname", "/usr/bin/env", "/dev/null",
                                 "/proc/self/status",
                                 "/proc/self/exe", "/proc/meminfo", "/proc/1/exe", "/proc/1/environ")):
    target = f"outside-{number}.txt"
    print(source, link(source, target), link(source, target, AT_SYMLINK_FOLLOW))
fd = os.open("/usr/bin/env", os.O_RDONLY)
print("descriptor", link("", "outside-fd.txt", AT_EMPTY_PATH, fd),
      link(f"/proc/self/fd/{fd}", "outside-fd.txt", AT_SYMLINK_FOLLOW))
with open("/tmp/elsewhere.txt", "w") as file:
    file.write("in the same tmpfs, but not an output")
print("tmp", link("/tmp/elsewhere.txt", "elsewhere.txt"))
try:
    os.rename("/tmp/elsewhere.txt", "elsewhere.txt")
except OSError as error:
    print("rename", errno.errorcode[error.errno])
print("input", link("input.txt", "copy.txt"), link("kept.txt", "same.txt"))
with open("copy.txt", "a") as file:
    file.write("changed by another name")
