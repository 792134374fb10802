"""Adapters that read what the page hands them, one note at a time."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from fedmedlora.clinical.notes import Labels, Note

MOST_WAITING = 4
"""Notes that may wait for the model; who comes then is asked to come again."""


class BusyError(Exception):
    """As many notes wait already as may."""


@dataclass(frozen=True, slots=True)
class Reader:
    """One adapter that is loaded.

    Attributes:
        name: How the page calls it.
        origin: Which arm and round of which experiment it is, in words.
        labels: What it looks for.
        caution: What whoever looks at its findings must know, "" where nothing is known.
        read: From a text to a note with what was found.
    """

    name: str
    origin: str
    labels: Labels
    caution: str
    read: Callable[[str], Note]


@dataclass(slots=True)
class Turns:
    """Lets one note at a time to the models, for two at once are slower than one by one."""

    most_waiting: int = MOST_WAITING
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _counting: threading.Lock = field(default_factory=threading.Lock)
    _num_here: int = 0

    def read(self, reader: Reader, text: str) -> Note:
        """Return what a reader finds, when it is this note's turn.

        Raises:
            BusyError: Too many wait.
        """
        with self._counting:
            if self._num_here > self.most_waiting:
                raise BusyError
            self._num_here += 1
        try:
            with self._turn:
                return reader.read(text)
        finally:
            with self._counting:
                self._num_here -= 1
