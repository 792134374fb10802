"""What stands beside a note's text for tasks other than extraction: what may be, and what is wrong.

site.json      "fields": {"question": "text", "options": "texts", "answer": "number"}
train.jsonl    {..., "question": "...", "options": ["...", "..."], "answer": 1}
"""

import re
from collections.abc import Iterator, Mapping

from fedmedlora.clinical.notes import FieldKind
from fedmedlora.errors import Fault
from fedmedlora.formats.json_shape import kind_of, length_of, shape_faults

_KINDS: Mapping[FieldKind, type] = {"text": str, "texts": list, "number": int}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)
_TAKEN = frozenset({"id", "site", "text", "entities", "relations", "patient", "lost"})


def announced_fields(fields: object) -> dict[str, FieldKind]:
    """Return what `site.json` announces, as far as it can be read."""
    told = fields if isinstance(fields, dict) else {}
    return {key: kind for key, told_kind in told.items() for kind in _KINDS if kind == told_kind}


def field_faults(fields: object) -> Iterator[Fault]:
    """Yield what is wrong with what `site.json` announces under "fields"."""
    if not isinstance(fields, dict):
        yield Fault("fields", kind_of(fields), "an object")
        return
    for number, (key, kind) in enumerate(fields.items(), start=1):
        where = f"fields, key {number}"
        if not _NAME.fullmatch(key) or key in _TAKEN:
            expected = "a name of a-z, 0-9 and _ that no note has for something else"
            yield Fault(where, length_of(key), expected)
        elif kind not in _KINDS:
            found = length_of(kind) if isinstance(kind, str) else kind_of(kind)
            yield Fault(f"fields.{key}", found, f"one of {', '.join(_KINDS)}")


def value_faults(record: Mapping[str, object], fields: Mapping[str, FieldKind]) -> Iterator[Fault]:
    """Yield what is wrong with what stands beside a note's text; `where` is the key."""
    yield from shape_faults(record, {key: _KINDS[kind] for key, kind in fields.items()})
    for key, kind in fields.items():
        value = record.get(key)
        if kind == "texts" and isinstance(value, list):
            named = {f"{key}[{index}]": one for index, one in enumerate(value)}
            yield from shape_faults(named, dict.fromkeys(named, str))
