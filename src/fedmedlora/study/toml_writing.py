"""Tables written as TOML; reading gives the same values again."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def toml(tables: Mapping[str, Any]) -> str:
    """Return tables as a TOML text; what `tomllib` reads may stand in them."""
    return "\n".join([*_lines(tables, ""), ""])


def _lines(table: Mapping[str, Any], path: str) -> Iterator[str]:
    # A key behind the header of a table below would belong to that one.
    for key, value in table.items():
        if not _is_below(value):
            yield f"{_key(key)} = {_inline(value)}"
    for key, value in table.items():
        if not _is_below(value):
            continue
        below = f"{path}{_key(key)}"
        header = f"[{below}]" if isinstance(value, dict) else f"[[{below}]]"
        for one in [value] if isinstance(value, dict) else value:
            yield from ("", header, *_lines(one, f"{below}."))


def _is_below(value: object) -> bool:
    """Return whether a value is written under a header of its own."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(one, dict) for one in value)
    return isinstance(value, dict)


def _inline(value: Any) -> str:  # noqa: ANN401 -- any value of TOML
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_key(key)} = {_inline(one)}' for key, one in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_inline, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    # Of numbers this is also how TOML writes nan and inf; what is left is a date or a time.
    return repr(value) if isinstance(value, int | float) else str(value.isoformat())


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def _text(text: str) -> str:
    # JSON escapes as TOML does, but lets this one control character through.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
