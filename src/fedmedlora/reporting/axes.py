"""Where numbers stand along one side of a chart, and which of them are written there.

    linear       place = start + (end - start) (v - low) / (high - low)
    logarithmic  the same of log v

0, which has no logarithm, stands apart at the start of a logarithmic side.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

_WIDE = 10.0
_MOST_STEPS = 5
_STEPS = (1, 2, 2.5, 5, 10)
_OF_ZERO = 0.12
"""Part of a logarithmic side that is left for 0."""
_LETTER, _BETWEEN = 8.0, 4.0
"""Widths in a narrow page, where words are written larger."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a side of a chart shows.

    Attributes:
        in_words: What is written of one number in a table.
        at_tick: The same at the side of a chart, where numbers are round.
        by_logarithm: Whether what spans more than a factor of ten is drawn so.
        is_counted: Whether the numbers themselves are written, instead of round ones between.
        least_span: What a chart reaches over at least upwards, so that next to nothing looks so.
    """

    title: str
    in_words: Callable[[float], str]
    at_tick: Callable[[float], str]
    by_logarithm: bool = False
    is_counted: bool = False
    least_span: float = 1.0


@dataclass(frozen=True, slots=True)
class Axis:
    """One side of a chart.

    Attributes:
        low: The number at the start.
        start: Where the side begins in the drawing; `end` may be smaller.
        has_zero: Whether 0 stands at the start, apart from `low`.
        ticks: The numbers that are written.
    """

    low: float
    high: float
    start: float
    end: float
    is_logarithmic: bool = False
    has_zero: bool = False
    ticks: tuple[float, ...] = ()

    def place(self, value: float) -> float:
        """Return where a number stands in the drawing."""
        if not self.is_logarithmic:
            return self.start + (self.end - self.start) * _part(value, self.low, self.high)
        if value <= 0:
            return self.start
        begin = self.start + (_OF_ZERO * (self.end - self.start) if self.has_zero else 0.0)
        part = _part(math.log(value), math.log(self.low), math.log(self.high))
        return begin + (self.end - begin) * part


def axis_across(quantity: Quantity, values: Iterable[float], *, start: float, end: float) -> Axis:
    """Return the side from left to right, from the least value to the largest.

    Raises:
        ValueError: There is no value.
    """
    known = sorted(set(values))
    low, high = min(known), max(known)
    least = min((value for value in known if value > 0), default=high)
    if quantity.by_logarithm and low >= 0 and high > _WIDE * least:
        bare = Axis(least, high, start, end, is_logarithmic=True, has_zero=low == 0)
        rounded = _round_by_logarithm(bare, quantity)
    else:
        bare = Axis(low, high, start, end)
        rounded = [one for one in _round(low, high) if low <= one <= high] or known
    wanted = known if quantity.is_counted else rounded
    return replace(bare, ticks=_apart(bare, quantity, wanted))


def axis_upwards(quantity: Quantity, values: Iterable[float], *, start: float, end: float) -> Axis:
    """Return the side from bottom to top, from a round number to a round number.

    Raises:
        ValueError: There is no value.
    """
    known = list(values)
    low, high = min(known), max(known)
    wanting = max(quantity.least_span - (high - low), 0.0) / 2
    # What cannot be negative has no room below 0.
    bottom = max(low - wanting, 0.0) if low >= 0 else low - wanting
    ticks = _round(bottom, max(high, bottom + quantity.least_span))
    return Axis(ticks[0], ticks[-1], start, end, ticks=tuple(ticks))


def _part(value: float, low: float, high: float) -> float:
    return 0.5 if high == low else (value - low) / (high - low)


def _round(low: float, high: float) -> list[float]:
    """Return round numbers at even steps, the first at most `low`, the last at least `high`."""
    if high == low:
        return [low]
    raw = (high - low) / _MOST_STEPS
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(each * power for each in _STEPS if each * power >= raw * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def _round_by_logarithm(axis: Axis, quantity: Quantity) -> list[float]:
    """Return 0 where it has a place, and of each power of ten as many numbers as there is room."""
    powers = range(math.floor(math.log10(axis.low)), math.ceil(math.log10(axis.high)) + 1)
    found: list[float] = []
    for digits in ((1, 2, 5), (1, 3), (1,)):
        all_ = [float(f"{digit}e{power}") for power in powers for digit in digits]
        found = [0.0] * axis.has_zero + [one for one in all_ if axis.low <= one <= axis.high]
        if not _collide(axis, quantity, found):
            break
    return found


def _apart(axis: Axis, quantity: Quantity, wanted: Sequence[float]) -> tuple[float, ...]:
    """Return all numbers, or every second, or every third, so that words do not collide."""
    step = 1
    while _collide(axis, quantity, wanted[::step]):
        step += 1
    return tuple(wanted[::step])


def _collide(axis: Axis, quantity: Quantity, wanted: Sequence[float]) -> bool:
    spans = [
        (axis.place(one), _LETTER * len(quantity.at_tick(one)) / 2 + _BETWEEN / 2) for one in wanted
    ]
    return any(right - left < half + other for (left, half), (right, other) in pairwise(spans))
