"""How far a command is and how long it will take, on a terminal; faults as lines above it."""

from collections.abc import Callable, Iterable
from typing import Self, TextIO

from fedmedlora.errors import Fault

_CLEAR = "\r\x1b[K"


class Progress:
    """One line that is written over and over; where nobody watches there is none.

    Args:
        stream: Where people are talked to.
        count: Returns how many notes there are; asked only where somebody watches.
        clock: Returns seconds.
        begun: Notes that were read before, at no time.
    """

    def __init__(
        self, stream: TextIO, count: Callable[[], int], clock: Callable[[], float], *, begun: int
    ) -> None:
        self._stream, self._clock, self._begun = stream, clock, begun
        self._is_watched = stream.isatty()
        self._total = count() if self._is_watched else 0
        self._started = clock()

    def __enter__(self) -> Self:
        self._draw(self._begun)
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_watched:
            self._stream.write(_CLEAR)
            self._stream.flush()

    def tell(self, num_done: int, faults: Iterable[Fault]) -> None:
        """Say how many notes are done, and what is wrong with some."""
        if self._is_watched:
            self._stream.write(_CLEAR)
        self._stream.writelines(f"{fault}\n" for fault in faults)
        self._draw(num_done)

    def _draw(self, num_done: int) -> None:
        if not self._is_watched:
            return
        seconds, fresh = self._clock() - self._started, num_done - self._begun
        left = f", {_in_words(seconds / fresh * (self._total - num_done))} left" if fresh else ""
        self._stream.write(f"{num_done} of {self._total} notes{left}")
        self._stream.flush()


def _in_words(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
