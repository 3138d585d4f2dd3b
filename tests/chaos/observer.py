"""Looks into Redis from beside the service: which jobs are taken over, and what is left at the end."""

import socket
import threading

PREFIX = "codeapi:"
OF_JOBS = ("job:", "wait:", "to:", "runs:", "asks:", "tenants", "waiting", "name:")  # keys of the queue


class Connection:
    """One connection to Redis, for one thread."""

    def __init__(self, redis, timeout=10):
        self.socket = socket.create_connection(("127.0.0.1", redis.port), timeout=timeout)
        self.file = self.socket.makefile("rb")
        self.command("AUTH", redis.password)

    def send(self, *words):
        data = [str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(data) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in data))

    def command(self, *words):
        self.send(*words)
        return self.read()

    def read(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis has gone")
        kind, rest = line[:1], line[1:-2].decode("utf-8", "replace")
        if kind == b"-":
            raise ConnectionError(rest)
        if kind == b"$":
            return None if rest == "-1" else self.file.read(int(rest) + 2)[:-2].decode("utf-8", "replace")
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        return int(rest) if kind == b":" else rest

    def close(self):
        self.socket.close()


class Observer:
    """Counts takeovers: the queue tells a process each job that was taken from it, whether it hears that or not."""

    def __init__(self, redis):
        self.redis, self.takeovers, self._ended = redis, 0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self):
        while not self._ended.is_set():
            try:
                connection = Connection(self.redis, timeout=1)
                connection.command("PSUBSCRIBE", PREFIX + "*in:*")
                connection.socket.settimeout(None)
                self.connection = connection
                while not self._ended.is_set():
                    message = connection.read()
                    if message[0] == "pmessage" and message[3].startswith("l "):
                        self.takeovers += 1
            except (OSError, ValueError):
                self._ended.wait(0.1)  # Redis is away

    def stop(self):
        self._ended.set()
        if hasattr(self, "connection"):
            self.connection.socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)


def leases(redis):
    """How many processes count as alive."""
    connection = Connection(redis)
    try:
        return connection.command("ZCARD", PREFIX + "{queue}:leases")
    finally:
        connection.close()


def left_in_redis(redis):
    """Lines for what an idle queue does not have, and for keys that would stay for ever."""
    connection, found = Connection(redis), []
    try:
        cursor, keys = "0", []
        while True:
            cursor, some = connection.command("SCAN", cursor, "COUNT", 1000)
            keys += some
            if cursor == "0":
                break
        for key in sorted(set(keys)):
            life = connection.command("PTTL", key)
            if life == -1:
                found.append(f"{key} has no time to live")
            name = key.rpartition("{queue}:")[2] if "{queue}:" in key else ""
            if life != -2 and name.startswith(OF_JOBS):
                state = connection.command("HGET", key, "state") if name.startswith("job:") else ""
                if state != "x":  # a note for a minute that a job may not be enqueued any more
                    found.append(f"{key} {state}")
    finally:
        connection.close()
    return found
