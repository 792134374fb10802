"""What a number or a text in a setting must be beyond its type; stands in `Annotated`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Rule:
    """What a value must be beyond its type.

    Attributes:
        expected: Completes "expected a whole number ...".
        holds: Whether a value of the right type keeps the rule.
        secret: Whether a key may stand in a value that breaks it, so that it is not told.
    """

    expected: str
    holds: Callable[[Any], bool]
    secret: bool = False


def at_least(low: float) -> Rule:
    """Return the rule value >= low."""
    return Rule(f"of at least {low}", lambda value: bool(value >= low))


def above(low: float) -> Rule:
    """Return the rule value > low."""
    return Rule(f"above {low}", lambda value: bool(value > low))


def at_most(high: float) -> Rule:
    """Return the rule value <= high."""
    return Rule(f"of at most {high}", lambda value: bool(value <= high))


def below(high: float) -> Rule:
    """Return the rule value < high."""
    return Rule(f"below {high}", lambda value: bool(value < high))
