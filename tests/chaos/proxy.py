"""A TCP proxy that can delay, stall and cut what passes: a bad network where the kernel has no netem."""

import socket
import threading

PIECE = 65536


class Proxy:
    """Passes connections on to a port of loopback. `port` is where to connect; thread-safe."""

    def __init__(self, upstream):
        self.upstream, self.delay = upstream, 0.0
        self._open = threading.Event()  # clear: bytes stay where they are
        self._open.set()
        self._ended = threading.Event()
        self._lock, self._pairs = threading.Lock(), set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stall(self):
        """Connections stay, and nothing passes any more, in neither direction."""
        self._open.clear()

    def resume(self):
        self._open.set()

    def cut(self):
        """Every connection breaks; new ones are possible at once."""
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            self._end(pair)

    def stop(self):
        self._ended.set()
        self._open.set()
        self._listener.close()
        self.cut()

    def _accept(self):
        while not self._ended.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        self._open.wait()
        try:
            server = socket.create_connection(("127.0.0.1", self.upstream), timeout=5)
        except OSError:
            return client.close()
        server.settimeout(None)
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = (client, server)
        with self._lock:
            self._pairs.add(pair)
        threading.Thread(target=self._pump, args=(pair, server, client), daemon=True).start()
        return self._pump(pair, client, server)

    def _pump(self, pair, source, sink):
        try:
            while piece := source.recv(PIECE):
                if self.delay:
                    self._ended.wait(self.delay)
                self._open.wait()
                sink.sendall(piece)
        except OSError:
            pass
        with self._lock:
            self._pairs.discard(pair)
        self._end(pair)

    @staticmethod
    def _end(pair):
        for end in pair:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()
