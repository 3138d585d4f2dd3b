"""Attack 34: files that grow, shrink, and change their names while they are looked at and sent."""
import os

ready, tell = os.pipe()


def grow():
    fd = os.open("growing.txt", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    while True:
        if os.write(fd, b"g" * 4096) and os.lseek(fd, 0, os.SEEK_END) > 1 << 20:
            os.ftruncate(fd, 0)


def shrink():
    fd = os.open("shrinking.txt", os.O_CREAT | os.O_WRONLY)
    while True:
        os.pwrite(fd, b"s" * 65536, 0)
        os.ftruncate(fd, 1)


def rename():
    with open("moving-0.txt", "w") as file:
        file.write("moving")
    number = 0
    while True:
        os.rename(f"moving-{number % 7}.txt", f"moving-{(number + 1) % 7}.txt")
        number += 1


def come_and_go():
    while True:
        os.makedirs("going/deep", exist_ok=True)
        with open("going/deep/x.txt", "w") as file:
            file.write("x")
        os.remove("going/deep/x.txt")
        os.removedirs("going/deep")


with open("still.txt", "w") as file:
    file.write("still")
for work in (grow, shrink, rename, come_and_go):
    if os.fork() == 0:
        os.setsid()
        os.write(tell, b"x")
        while True:
            try:
                work()
            except OSError:
                pass
for _ in range(4):
    os.read(ready, 1)
