"""Words and sentence patterns as tables in plain text, and the drawing of text from them.

A table starts with an unindented line naming its columns; indented lines are its rows. A cell
holds alternatives between semicolons; each alternative of the first column is a row of its own:

    drug | strength | effect
      metoprolol; bisoprolol | 25 mg; 50 mg | dizziness

A column written `form=tablet; capsule` has the same cell in every row, which then leaves it out.
`== name` begins a case: tables that only notes about that case may use. In a cell or a pattern

    $drug          draws a row, not yet drawn in this note where there is one: its first column
    $drug#d        binds that row to `d`; $strength#d is then another cell of the same row
    ${stem}olol    is $stem without a space behind it
    {3-9}          a number in that range, with as many decimals as the first bound has
    {left/right}   one of these

A lower-case key such as `d` lasts for one sentence, an upper-case one for the whole note.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Row = Mapping[str, tuple[str, ...]]
Tables = Mapping[str, tuple[Row, ...]]

_SLOT = re.compile(
    r"\$(?:\{(?P<braced>\w+)\}|(?P<bare>\w+))(?:#(?P<key>\w+))?"
    r"|\{(?P<low>\d+(?:\.\d+)?)-(?P<high>\d+(?:\.\d+)?)\}"
    r"|\{(?P<choice>[^{}]*)\}"
)


@dataclass(frozen=True, slots=True)
class Chart:
    """What one note may draw from, and what it has drawn so far."""

    tables: Tables
    rng: random.Random
    bound: dict[str, Row] = field(default_factory=dict)
    said: dict[tuple[str, str], str] = field(default_factory=dict)
    drawn: set[tuple[str, ...]] = field(default_factory=set)


def read_tables(text: str) -> dict[str, tuple[Row, ...]]:
    """Return the tables of a text, by the name of their first column."""
    tables: dict[str, tuple[Row, ...]] = {}
    columns: list[str] = []
    for line in text.splitlines():
        if not line.strip():
            continue
        if not line.startswith(" "):
            columns = [name.strip() for name in line.split("|")]
        else:
            rows = _rows(line, columns)
            tables[columns[0]] = (*tables.get(columns[0], ()), *rows)
    return tables


def read_cases(text: str) -> tuple[dict[str, tuple[Row, ...]], tuple[Tables, ...]]:
    """Return the tables that stand before the first case, and those of each case."""
    general, *cases = re.split(r"^== .*$", text, flags=re.MULTILINE)
    return read_tables(general), tuple(read_tables(case) for case in cases)


def _rows(line: str, columns: Sequence[str]) -> list[Row]:
    cells = line.split("|")
    names = [name for name in columns if "=" not in name]
    if len(cells) != len(names):
        raise ValueError(
            f"table {columns[0]}: found {len(cells)} cells, expected {len(names)}: {line}"
        )
    same = [name.split("=", 1) for name in columns if "=" in name]
    pairs = [*zip(names, cells, strict=True), *same]
    row = {name: tuple(part.strip() for part in cell.split(";")) for name, cell in pairs}
    return [{**row, columns[0]: (first,)} for first in row[columns[0]]]


def merged(*parts: Tables) -> dict[str, tuple[Row, ...]]:
    """Return tables with the rows of all parts, in the order of the parts."""
    names = {name: None for part in parts for name in part}
    return {name: tuple(row for part in parts for row in part.get(name, ())) for name in names}


def thinned(tables: Tables, *, share: float, seed: str) -> dict[str, tuple[Row, ...]]:
    """Return a fixed choice of each table's rows, in their order; at least one row stays."""
    kept = {}
    for name, rows in tables.items():
        rng = random.Random(f"{seed}/{name}")  # noqa: S311 - notes are invented, not secret
        count = max(1, round(share * len(rows)))
        kept[name] = tuple(rows[i] for i in sorted(rng.sample(range(len(rows)), count)))
    return kept


def sentence(pattern: str, chart: Chart) -> str:
    """Return a pattern with every slot filled; keys of this sentence are forgotten after it."""
    filled = _fill(pattern, chart)
    for key in [key for key in chart.bound if key.islower()]:
        del chart.bound[key]
    for key, column in [pair for pair in chart.said if pair[0].islower()]:
        del chart.said[key, column]
    return filled


def _fill(pattern: str, chart: Chart) -> str:
    while match := _SLOT.search(pattern):
        pattern = pattern[: match.start()] + _filling(match, chart) + pattern[match.end() :]
    return pattern


def _filling(match: re.Match[str], chart: Chart) -> str:
    if match["low"]:
        return _number(match["low"], match["high"], chart.rng)
    if match["choice"] is not None:
        return chart.rng.choice(str(match["choice"]).split("/"))
    name: str = match["braced"] or match["bare"]
    if match["key"] is None:
        return _fill(draw(name, chart)[name][0], chart)
    return _bound(name, match["key"], chart)


def _number(low: str, high: str, rng: random.Random) -> str:
    decimals = len(low.partition(".")[2])
    scale = 10**decimals
    value = rng.randint(round(float(low) * scale), round(float(high) * scale))
    return f"{value / scale:.{decimals}f}"


def _bound(name: str, key: str, chart: Chart) -> str:
    if key not in chart.bound:
        chart.bound[key] = draw(_table_with(name, chart.tables), chart)
    row = chart.bound[key]
    if name not in row:
        raise ValueError(
            f"slot ${name}#{key}: found columns {sorted(row)}, expected {name} among them"
        )
    if (key, name) not in chart.said:
        chart.said[key, name] = _fill(chart.rng.choice(row[name]), chart)
    return chart.said[key, name]


def _table_with(column: str, tables: Tables) -> str:
    if column in tables:
        return column
    return next((name for name, rows in tables.items() if column in rows[0]), column)


def draw(name: str, chart: Chart) -> Row:
    """Return a row of a table, one not yet drawn for this note where there is one.

    Raises:
        ValueError: There is no such table.
    """
    if name not in chart.tables:
        raise ValueError(
            f"slot ${name}: found no such table, expected one of {sorted(chart.tables)}"
        )
    rows = chart.tables[name]
    fresh = [row for row in rows if (name, *row[name]) not in chart.drawn]
    row = chart.rng.choice(fresh or rows)
    chart.drawn.add((name, *row[name]))
    return row
