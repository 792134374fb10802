"""Single values of a TOML file, held against the type hint of the field they are for.

A hint is `str`, `int`, `float`, `bool`, `Path`, a `Literal` of texts, a `tuple` of one item
type, a union of these, or one of them `Annotated` with `Rule`s.
"""

import difflib
import json
import math
import types
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, Union

from fedmedlora.errors import Fault
from fedmedlora.ranges import Rule

Hint = object

_SCALARS: dict[Hint, str] = {
    str: "a text in quotes",
    int: "a whole number",
    float: "a number",
    Path: "a path in quotes",
    bool: "true or false",
}
_LONGEST_SHOWN = 80
_UNTOLD = "something else, which is not told as a key may be in it"
_INTEGER_LIMIT = 2**63


def value_faults(hint: Hint, value: object, *, where: str) -> list[Fault]:
    """Return what is wrong with a value, item by item where it is a list."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        faults = value_faults(arguments[0], value, where=where)
        in_items = faults and all(fault.where != where for fault in faults)
        if in_items or (not faults and all(rule.holds(value) for rule in arguments[1:])):
            return faults
        return [Fault(where, found(value, hint), expected(hint))]
    if origin is tuple and isinstance(value, list):
        items = [
            value_faults(arguments[0], item, where=f"{where}[{index}]")
            for index, item in enumerate(value)
        ]
        return [fault for faults in items for fault in faults]
    if _accepts(hint, value):
        return []
    advice = did_you_mean(value, arguments) if origin is Literal else ""
    return [Fault(where, found(value, hint), expected(hint), advice)]


def converted(hint: Hint, value: Any) -> Any:  # noqa: ANN401 -- any value of any field
    """Return a value without faults in the type of its field."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return converted(arguments[0], value)
    if origin in (Union, types.UnionType):
        fitting = (one for one in arguments if not value_faults(one, value, where=""))
        return converted(next(fitting), value)
    if isinstance(value, list):
        return tuple(value)
    # A whole number is a fine rate, and must be the same setting as the one with a point.
    if hint is float:
        return float(value)
    return Path(value) if hint is Path else value


def expected(hint: Hint) -> str:
    """Return a hint in words that complete "expected ..."."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint in _SCALARS:
        return _SCALARS[hint]
    if origin is Annotated:
        return " ".join([expected(arguments[0]), *_joined(arguments[1:])])
    if origin is Literal:
        choices = ", ".join(show(choice) for choice in arguments)
        return choices if len(arguments) == 1 else f"one of {choices}"
    if origin is tuple:
        return f"a list, each item {expected(arguments[0])}"
    return " or ".join(expected(one) for one in arguments if one is not types.NoneType)


def found(value: object, *hints: Hint) -> str:
    """Return a value that breaks hints in words that complete "found ...", without a key."""
    return _UNTOLD if any(map(_may_hold_key, hints)) else show(value)


def show(value: object) -> str:
    """Return a value as a person finds it in the file, cut where it is long."""
    shown = json.dumps(value, default=str, ensure_ascii=False)
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[: _LONGEST_SHOWN - 3]}..."


def did_you_mean(word: object, names: Iterable[str]) -> str:
    """Return advice with the nearest of the names, "" where none is near."""
    near = difflib.get_close_matches(str(word), list(names), n=1)
    return f"did you mean {near[0]}?" if near else ""


def _accepts(hint: Hint, value: object) -> bool:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return isinstance(value, str) and value in arguments
    if origin in (Union, types.UnionType):
        return any(not value_faults(one, value, where="") for one in arguments)
    if hint is Path:
        return isinstance(value, str) and value != "" and "\0" not in value
    return _is_number(hint, value) if hint in (int, float) else type(value) is hint


def _is_number(hint: Hint, value: object) -> bool:
    # Exactly this type: true is no whole number, though Python takes it for one.
    if type(value) is int:
        return abs(value) < _INTEGER_LIMIT
    return hint is float and isinstance(value, float) and math.isfinite(value)


def _may_hold_key(hint: Hint) -> bool:
    if isinstance(hint, Rule):
        return hint.secret
    return any(map(_may_hold_key, typing.get_args(hint)))


def _joined(rules: Iterable[Rule]) -> list[str]:
    words = " and ".join(rule.expected for rule in rules)
    return [words] if words else []
