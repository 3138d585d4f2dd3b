"""Attack 77: what a program may do to its own interpreter and work directory; the argument names it."""
import os
import shutil
import sys

with open("kept.txt", "w") as file:
    file.write("kept")


def exit_at_once():
    import atexit
    atexit.register(print, "never printed")
    os._exit(7)


def no_stdout():
    sys.stdout = None
    print("nowhere")
    sys.stdout = sys.__stdout__ = None
    del sys.stderr
    sys.exit(7)


def exchanged():
    os.dup2(1, 9)
    os.dup2(2, 1)
    os.dup2(9, 2)
    os.write(1, b"to stderr")
    os.write(2, b"to stdout")


def no_directory():
    os.mkdir("gone")
    os.chdir("gone")
    os.rmdir("/mnt/data/gone")
    for change in (lambda: os.rmdir("/mnt/data"), lambda: os.rename("/mnt/data", "/mnt/other"),
                   lambda: shutil.rmtree("/mnt/data/main.py"), lambda: os.getcwd()):
        try:
            change()
            print("done")
        except OSError as error:
            print(error.strerror)


def closed_directory():
    os.remove("main.py")
    os.chmod("/mnt/data", 0)


def other_root():
    os.symlink("/etc", "/mnt/data/etc")
    shutil.rmtree("/tmp", ignore_errors=True)
    shutil.rmtree("/dev/shm", ignore_errors=True)
    print(os.path.isdir("/tmp"), os.path.isdir("/dev/shm"))


{"exit": exit_at_once, "stdout": no_stdout, "exchanged": exchanged, "directory": no_directory,
 "closed": closed_directory, "root": other_root}[sys.argv[1]]()
