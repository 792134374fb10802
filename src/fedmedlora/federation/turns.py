"""Taking turns: of several threads only the one whose turn it is goes on.

Everything an arm does to the run store it does in its turn; while it waits for an engine's answer
it lets the others go on, and must not count on the store being as it was.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turn:
    """What one thread at a time holds: `with turn: ...`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holder: int | None = None

    def __enter__(self) -> None:
        self._lock.acquire()
        self._holder = threading.get_ident()

    def __exit__(self, *_: object) -> None:
        self._holder = None
        self._lock.release()

    @contextmanager
    def given_up(self) -> Iterator[None]:
        """Let others have the turn for a while; nothing where this thread does not hold it."""
        if self._holder != threading.get_ident():
            yield
            return
        self.__exit__()
        try:
            yield
        finally:
            self.__enter__()
