"""HTML as values: `Html` is text that is already safe to stand in a page.

Only `text` turns a string into `Html`, and it escapes; what is typed `str` elsewhere can therefore
not reach the page unescaped without the type checker noticing.
"""

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NewType

Html = NewType("Html", str)

NOTHING = Html("")

_VOID = frozenset({"br", "col", "link", "meta"})
# HTML cannot hold these: browsers drop or replace them, each in its own way.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def text(value: object) -> Html:
    """Return a value's text, escaped for element content and attributes alike."""
    return Html(html.escape(_UNPRINTABLE.sub("\ufffd", str(value)), quote=True))


def join(parts: Iterable[Html], *, by: str = "") -> Html:
    """Return parts one after another, with escaped text between them."""
    return Html(text(by).join(parts))


def element(name: str, /, *children: Html, **attributes: str | float | None) -> Html:
    """Return an element; `class_` and `aria_label` stand for `class` and `aria-label`.

    Args:
        attributes: Escaped here; None leaves the attribute out.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_attribute(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{join(children)}</{name}>")


def _attribute(value: str | float) -> Html:
    return text(f"{value:.6g}" if isinstance(value, float) else value)


def words(tag: str, value: str, /, **attributes: str | float | None) -> Html:
    """Return an element that holds nothing but text."""
    return element(tag, text(value), **attributes)


def hidden(value: str) -> Html:
    """Return words that are heard but not seen."""
    return words("span", value, class_="heard")


def details(summary: str, *children: Html) -> Html:
    """Return a part that opens on demand."""
    return element("details", words("summary", summary), *children)


@dataclass(frozen=True, slots=True)
class Heading:
    """A column's heading.

    Attributes:
        group: Heading over several neighbouring columns that share it, or "".
        figures: Whether the column holds figures, which stand right.
    """

    title: str
    group: str = ""
    figures: bool = True


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table's body."""

    content: Html
    class_: str | None = None
    style: str | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a table that belong together; the first cell of each names it."""

    rows: Sequence[Sequence[Cell]]
    title: str = ""


def table(caption: str, headings: Sequence[Heading], groups: Iterable[Rows]) -> Html:
    """Return a table in a box of its own that scrolls where the page is narrow."""
    body = [_group(group, headings) for group in groups if group.rows]
    whole = element("table", words("caption", caption), _head(headings), *body)
    return element("div", whole, class_="scroll", role="region", aria_label=caption, tabindex="0")


def _head(headings: Sequence[Heading]) -> Html:
    titles = [
        words("th", h.title, scope="col", class_="figures" if h.figures else None) for h in headings
    ]
    if not any(h.group for h in headings):
        return element("thead", element("tr", *titles))
    over = []
    for group, members in groupby(headings, key=lambda h: h.group):
        width = len(list(members))
        name, scope = ("th", "colgroup") if group else ("td", None)
        over.append(words(name, group, colspan=str(width), scope=scope))
    return element("thead", element("tr", *over, class_="over"), element("tr", *titles))


def _group(group: Rows, headings: Sequence[Heading]) -> Html:
    rows = [_row(row, headings) for row in group.rows]
    if group.title:
        title = words("th", group.title, scope="rowgroup", colspan=str(len(headings)))
        rows.insert(0, element("tr", title, class_="group"))
    return element("tbody", *rows)


def _row(row: Sequence[Cell], headings: Sequence[Heading]) -> Html:
    cells = []
    for index, (cell, heading) in enumerate(zip(row, headings, strict=True)):
        classes = " ".join(filter(None, ("figures" if heading.figures else "", cell.class_)))
        name, scope = ("td", None) if index else ("th", "row")
        cells.append(
            element(name, cell.content, scope=scope, class_=classes or None, style=cell.style)
        )
    return element("tr", *cells)
