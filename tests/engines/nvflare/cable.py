"""The way between sites and coordinator, which can be cut."""

import socket
import threading
from contextlib import suppress

_PIECE = 65536


class Cable:
    """Lets every connection to one port through to another, until it is cut."""

    def __init__(self, port: int, to: int) -> None:
        self._address, self._to = ("127.0.0.1", port), to
        self._lock = threading.Lock()
        self._ends: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self.mend()

    def mend(self) -> None:
        """Let connections through again."""
        listener = socket.create_server(self._address)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut(self) -> None:
        """Drop every connection, and take no new one."""
        listener, self._listener = self._listener, None
        with self._lock:
            ends = [*self._ends, *([listener] if listener else [])]
            self._ends.clear()
        for end in ends:
            _close(end)

    def _accept(self, listener: socket.socket) -> None:
        # Closed, it takes no more.
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                self._join(near)

    def _join(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(("127.0.0.1", self._to))
        except OSError:
            near.close()
            return
        with self._lock:
            self._ends |= {near, far}
        for pair in ((near, far), (far, near)):
            threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(_PIECE):
                target.sendall(piece)
        with self._lock:
            self._ends -= {source, target}
        _close(source)
        _close(target)


def _close(end: socket.socket) -> None:
    # Another thread waits in it, and is woken by this alone.
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
