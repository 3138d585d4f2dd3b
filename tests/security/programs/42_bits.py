"""Attack 42: outputs with more than bytes: setuid and setgid, extended attributes, ACLs, capabilities."""
import errno
import os
import struct

for name in ("root.sh", "plain.txt"):
    with open(name, "w") as file:
        file.write("#!/bin/sh\nid\n")
os.chmod("root.sh", 0o6777)
os.mkdir("sticky", 0o7777)
os.chmod("sticky", 0o7777)
with open("sticky/inside.txt", "w") as file:
    file.write("inside")
capability = struct.pack("<5I", 0x02000001, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
NOBODY = 0xFFFFFFFF
ENTRIES = ((1, NOBODY), (2, 0), (4, NOBODY), (16, NOBODY), (32, NOBODY))  # owner, user 0, group, mask, others
everybody = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", tag, 7, owner) for tag, owner in ENTRIES)
ATTRIBUTES = {"user.note": b"mine", "security.capability": capability, "trusted.note": b"mine",
              "security.selinux": b"unconfined", "system.posix_acl_access": everybody}
for attribute, value in ATTRIBUTES.items():
    try:
        os.setxattr("plain.txt", attribute, value)
        print(attribute, "ok")
    except OSError as error:
        print(attribute, errno.errorcode[error.errno])
for change in (lambda: os.chown("plain.txt", 0, 0), lambda: os.chown("plain.txt", -1, 0)):
    try:
        change()
        print("chown ok")
    except OSError as error:
        print("chown", errno.errorcode[error.errno])
print("mode", oct(os.stat("root.sh").st_mode & 0o7777))
