"""The device files that programs expect, and those there are on purpose not."""

from program import fails, run


def test_the_five_memory_devices(server):
    assert run(server, "bash", r"""
        echo gone > /dev/null; wc -c < /dev/null
        head -c 4 /dev/zero | od -An -tx1
        head -c 4 /dev/full | od -An -tx1
        echo x 2>&1 > /dev/full | grep -o 'No space left on device'
        head -c 7 /dev/random | wc -c
        head -c 7 /dev/urandom | wc -c
        cat /dev/urandom | head -c 100000 | wc -c
        [ "$(head -c 16 /dev/urandom | od -An -tx1)" != "$(head -c 16 /dev/urandom | od -An -tx1)" ] && echo differ
        """) == "0\n 00 00 00 00\n 00 00 00 00\nNo space left on device\n7\n7\n100000\ndiffer\n"


def test_they_cannot_be_replaced_or_changed(server):
    for what in ("rm -f /dev/null", "mv /dev/null /dev/nil", "chmod 600 /dev/zero", "ln -s /tmp/x /dev/full2",
                 "touch /dev/new", "mknod /tmp/null c 1 3", "rm -f /dev/fd"):
        assert fails(server, "bash", what)


def test_streams_by_name(server):
    answer = server.exec_("bash", """
echo a > /dev/stdout
echo b >> /dev/stdout
echo c > /dev/stderr
echo d | tee /dev/stderr
echo e > /dev/fd/1
echo f > /proc/self/fd/2
cat /dev/stdin
cat /dev/fd/0 - < /dev/null
cat /dev/fd/9 9<<< nine
""", stdin="in\n")
    assert (answer["code"], answer["stdout"], answer["stderr"]) == \
        (0, "a\nb\nd\ne\nin\nnine\n", "c\nd\nf\n"), answer


def test_streams_by_name_in_python_and_node(server):
    assert run(server, "py", """
        import os, sys
        for name in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"):
            with open(name, "w") as out: print(name, file=out)
        print(sorted(os.listdir("/dev/fd"), key=int)[:3], open("/dev/stdin").read())
        """, stdin="in") == "/dev/stdout\n/dev/fd/1\n/proc/self/fd/1\n['0', '1', '2'] in\n"
    assert run(server, "js", """
        const fs = require('fs');
        fs.writeFileSync('/dev/stdout', fs.readFileSync('/dev/stdin', 'utf8'));
        console.log(fs.readFileSync(0, 'utf8').trim());
        """, stdin="in\n") == "in\nin\n"


def test_a_program_is_not_on_a_terminal(server):
    """No /dev/tty, and no pseudo-terminals: a devpts in every cell would cost its mount, and open the kernel's
    terminal layer with its line disciplines, one of the ways in that is found broken again and again, for
    programs that have nobody at a keyboard. What asks for one is told so at once."""
    assert run(server, "py", """
        import errno, os, pty
        print([os.isatty(fd) for fd in range(3)])
        for name in ("/dev/tty", "/dev/ptmx", "/dev/pts", "/dev/console", "/dev/tty0", "/dev/kmsg", "/dev/mem"):
            try:
                os.open(name, os.O_RDWR)
                print("opened", name)
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.ENXIO): print(name, error)
        try:
            print(pty.openpty())
        except OSError as error:
            print(error)
        """) == "[False, False, False]\nout of pty devices\n"
    answer = server.exec_("bash", "tty; stty -a")
    assert answer["stdout"] == "not a tty\n" and "Inappropriate ioctl for device" in answer["stderr"], answer


def test_shared_memory(server):
    assert run(server, "py", """
        import os
        from multiprocessing import resource_tracker, shared_memory
        made = shared_memory.SharedMemory("mine", create=True, size=1 << 20)
        made.buf[:3] = b"abc"
        other = shared_memory.SharedMemory("mine")
        print(bytes(other.buf[:3]), os.listdir("/dev/shm"))
        other.close()
        made.close()
        made.unlink()
        print(os.listdir("/dev/shm"), oct(os.stat("/dev/shm").st_mode))
        """) == "b'abc' ['mine']\n[] 0o41777\n"
