"""Attack 14: memory that no process maps, in the way that the argument names, until no more is given.

Prints what was held and why there was no more, if the program lives to tell.
"""
import array
import ctypes
import errno
import fcntl
import os
import socket
import sys

MIB = 1 << 20
libc = ctypes.CDLL(None, use_errno=True)
held = []


def pipes():
    ends = os.pipe()
    held.append(ends)
    for fd in ends:
        os.set_blocking(fd, False)
    try:
        fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, MIB)
    except PermissionError:
        pass  # beyond what one user may have: a small pipe, then
    return written(lambda: os.write(ends[1], bytes(MIB)))


def written(write):
    """Bytes that a writer takes until it would have to wait."""
    total = 0
    try:
        while True:
            total += write()
    except BlockingIOError:
        return total


def sockets():
    ends = socket.socketpair()
    held.append(ends)
    ends[0].setblocking(False)
    ends[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * MIB)
    return written(lambda: ends[0].send(bytes(MIB)))


def flying_descriptors():
    """Descriptors in flight keep what they stand for, though the sender has closed them."""
    ends = socket.socketpair()
    held.append(ends)
    fd = os.memfd_create("flying")
    total = os.write(fd, bytes(4 * MIB))
    ends[0].sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])
    os.close(fd)
    return total


def memfd():
    fd = os.memfd_create("held")
    held.append(fd)
    return os.write(fd, bytes(16 * MIB))


def shm():
    number = libc.shmget(0, 16 * MIB, 0o600)
    if number < 0:
        raise OSError(ctypes.get_errno(), "shmget")
    libc.shmat.restype = ctypes.c_void_p
    address = libc.shmat(number, None, 0)
    ctypes.memset(address, 1, 16 * MIB)
    libc.shmdt(ctypes.c_void_p(address))
    return 16 * MIB


def messages():
    number = libc.msgget(0, 0o600)
    if number < 0:
        raise OSError(ctypes.get_errno(), "msgget")
    message = ctypes.create_string_buffer(8 + 8192)
    message[0] = 1
    total = 0
    while libc.msgsnd(number, message, 8192, 0o4000) == 0:
        total += 8192
    return total


def posix_queues():
    fd = libc.mq_open(f"/{len(held)}".encode(), os.O_CREAT | os.O_RDWR | os.O_NONBLOCK, 0o600, None)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "mq_open")
    held.append(fd)
    total = 0
    while libc.mq_send(fd, bytes(8192), 8192, 0) == 0:
        total += 8192
    return total


ways = {"pipes": pipes, "sockets": sockets, "flying": flying_descriptors, "memfd": memfd, "shm": shm,
        "messages": messages, "mq": posix_queues}
total = 0
try:
    while True:
        total += ways[sys.argv[1]]()
except OSError as error:
    print(errno.errorcode[error.errno], total // MIB)
