"""Figures in words: scores, differences, sizes, times. What is undefined is a dash, never 0."""

import math
from collections.abc import Sequence
from typing import SupportsFloat

from fedmedlora.reporting.markup import Html, text

UNDEFINED = "–"
_MINUS = "\u2212"
# From here on three digits round up to a thousand.
_NEXT_UNIT = 999.5


def defined(value: object) -> float | None:
    """Return a finite number as float; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, SupportsFloat):
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def decimal(value: object, *, digits: int = 3) -> str:
    """Return a number with fixed digits, as 0.832."""
    number = defined(value)
    return UNDEFINED if number is None else f"{number:.{digits}f}".replace("-", _MINUS)


def three_digits(value: object) -> str:
    """Return a number of any size with its first three digits, as 14.1."""
    number = defined(value)
    return UNDEFINED if number is None else f"{number:.3g}".replace("-", _MINUS)


def points(value: object) -> str:
    """Return a difference of two scores in signed points, as +12.3."""
    number = defined(value)
    return UNDEFINED if number is None else f"{100 * number:+.1f}".replace("-", _MINUS)


def percent(value: object, *, digits: int = 1) -> str:
    """Return a part of one as a percentage, as 98.5 %."""
    number = defined(value)
    return UNDEFINED if number is None else f"{decimal(100 * number, digits=digits)} %"


def count(value: object) -> str:
    """Return a whole number with its thousands apart, as 41,943,040."""
    number = defined(value)
    return UNDEFINED if number is None else f"{round(number):,}".replace("-", _MINUS)


def size(value: object) -> str:
    """Return bytes in decimal units, as 83.9 MB."""
    number = defined(value)
    if number is None:
        return UNDEFINED
    for unit in ("bytes", "kB", "MB", "GB"):
        if abs(number) < _NEXT_UNIT:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} TB"


def duration(value: object) -> str:
    """Return seconds in the units a clock has, as 4 min 12 s."""
    number = defined(value)
    if number is None:
        return UNDEFINED
    if number < 10:  # noqa: PLR2004
        return f"{number:.1f} s"
    minutes, seconds = divmod(round(number), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def interval(bounds: object, *, signed: bool = False) -> str:
    """Return an interval as 0.801 to 0.862, or in signed points as +8.1 to +15.2."""
    if not isinstance(bounds, Sequence) or isinstance(bounds, str) or len(bounds) != 2:  # noqa: PLR2004
        return UNDEFINED
    if any(defined(bound) is None for bound in bounds):
        return UNDEFINED
    low, high = (points(b) if signed else decimal(b) for b in bounds)
    return f"{low} to {high}"


def show(words: str) -> Html:
    """Return figures in words, a lone dash read out as what it means."""
    if words == UNDEFINED:
        return Html(f'<span class="undefined" title="undefined">{UNDEFINED}</span>')
    return text(words)
