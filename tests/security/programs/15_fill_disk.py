"""Attack 15: fills the directory that the first argument names, and then looks at what is left elsewhere."""
import errno
import os
import sys

MIB = 1 << 20
directory = sys.argv[1]


def fill(path):
    """Bytes written, and why no more."""
    written = 0
    try:
        with open(path, "wb", buffering=0) as file:
            while True:
                written += file.write(bytes(MIB))
    except OSError as error:
        return written, errno.errorcode[error.errno]


total, reasons = 0, []
while "ENOSPC" not in reasons and len(reasons) < 1000:
    written, reason = fill(f"{directory}/fill-{len(reasons)}")
    total += written
    reasons.append(reason)
print(total // MIB, *dict.fromkeys(reasons))
for other in ("/mnt/data", "/tmp", "/dev/shm"):
    print(other, fill(f"{other}/more"))
for other in ("/", "/usr", "/etc", "/mnt", "/dev", "/var", "/run", "/home", "/root"):
    try:
        with open(f"{other}/codeapi-attack", "wb"):
            print("writable:", other)
    except OSError:
        pass
os.remove(f"{directory}/fill-0")
with open("/mnt/data/after.txt", "w") as file:
    file.write("room again")
