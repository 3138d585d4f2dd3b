"""Attack 40: inputs that change but look the same: size, times, inode. Each file's name says how."""
import mmap
import os


def like_before(path, change):
    before = os.stat(path)
    change(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = os.stat(path)
    print(path, after.st_size == before.st_size, after.st_mtime_ns == before.st_mtime_ns)


def by_write(path):
    fd = os.open(path, os.O_WRONLY)
    os.pwrite(fd, b"B", 5)
    os.close(fd)


def by_map(path):
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as area:
        area[5:6] = b"B"


def by_new_file(path):
    with open(path) as file:
        text = file.read()
    os.remove(path)
    with open(path, "w") as file:
        file.write(text[:5] + "B" + text[6:])


def by_link(path):
    os.rename(path, "moved.tmp")
    os.link("moved.tmp", path)
    by_write("moved.tmp")
    os.remove("moved.tmp")


like_before("write.txt", by_write)
like_before("map.txt", by_map)
like_before("new.txt", by_new_file)
like_before("link.txt", by_link)
like_before("same.txt", lambda path: os.utime(path, (0, 0)))
