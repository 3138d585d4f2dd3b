"""Just enough of Redis's protocol to be whoever holds the queue's Redis and reads and writes what they like."""

import socket


class Resp:
    """One connection, authenticated. `run("HGET", key, field)` returns bytes, int, list or None."""

    def __init__(self, redis):
        self.socket = socket.create_connection(("127.0.0.1", redis.port), timeout=20)
        self.file = self.socket.makefile("rb")
        self.run("AUTH", redis.password)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def run(self, *words):
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
        return self._read()

    def _read(self):
        line = self.file.readline()[:-2]
        kind, rest = line[:1], line[1:]
        if kind == b"-":
            raise AssertionError(rest.decode())
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self._read() for _ in range(int(rest))]
        return int(rest) if kind == b":" else rest

    def keys(self, pattern):
        cursor, found = b"0", []
        while True:
            cursor, some = self.run("SCAN", cursor, "MATCH", pattern, "COUNT", 1000)
            found += some
            if cursor == b"0":
                return sorted(set(found))
