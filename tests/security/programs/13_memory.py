"""Attack 13: more memory than allowed, in the way that the first argument names."""
import mmap
import os
import signal
import sys

MIB = 1 << 20


def slowly():
    area = mmap.mmap(-1, 4096 * MIB, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for offset in range(0, len(area), 4096):
        area[offset] = 1


def by_children():
    for _ in range(32):
        if os.fork() == 0:
            held = b"x" * (100 * MIB)
            while held:
                signal.pause()
    while True:
        signal.pause()


def shared():
    area = mmap.mmap(-1, 4096 * MIB, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)
    for _ in range(4):
        if os.fork() == 0:
            break
    for offset in range(0, len(area), 4096):
        area[offset] = 1


def on_disk():
    """The work directory is memory too, but a full disk is an error of write(), not a reason to be killed."""
    written = 0
    try:
        for number in range(100):
            with open(f"/dev/shm/{number}", "wb", buffering=0) as file:
                for _ in range(64):
                    written += file.write(bytes(MIB))
    except OSError as error:
        print(error.errno, written // MIB)
    # Memory is still there, however full the disk is.
    held = b"x" * (200 * MIB)
    print(len(held) // MIB)


{"slowly": slowly, "children": by_children, "shared": shared, "disk": on_disk}[sys.argv[1]]()
