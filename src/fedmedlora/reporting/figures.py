"""Drawings in inline SVG, and the heat map, which is a table so that it can be read aloud.

Strips, bars and whiskers have no view box: their coordinates are percentages, so they fill any
width and nothing is stretched. Scores are always drawn from 0 to 1.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fedmedlora.reporting.markup import (
    NOTHING,
    Cell,
    Heading,
    Html,
    Rows,
    element,
    hidden,
    join,
    table,
    text,
    words,
)
from fedmedlora.reporting.quantities import decimal, show
from fedmedlora.reporting.shapes import drawing, figure, legend_of_lines, look, marker

_WIDTH, _HEIGHT = 320.0, 190.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 34.0, 308.0, 10.0, 160.0
_MOST_TICKS = 8
_HEAT_STEPS = 10


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart.

    Attributes:
        colour: Style class of its arm.
        values: One score a round, from round 1; None breaks the line.
        best: The round that was kept, drawn with a ring, or None.
    """

    label: str
    colour: str
    values: tuple[float | None, ...]
    best: int | None = None


@dataclass(frozen=True, slots=True)
class Strip:
    """One row of a bar chart: the mean as a bar, the parts as points upon it."""

    label: str
    colour: str
    mean: float | None
    points: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class HeatRow:
    """One row of a heat map.

    Attributes:
        own: The site whose notes it was trained on, framed, or None.
        scores: Score by column.
    """

    label: str
    own: str | None
    scores: Mapping[str, float | None]


def strips(caption: str, rows: Iterable[Strip]) -> Html:
    """Return horizontal bars with a point for each site."""
    drawn = [
        element(
            "div",
            words("span", row.label, class_="strip-name"),
            _strip(row),
            element("span", show(decimal(row.mean)), class_="strip-value"),
            class_=f"strip {row.colour}",
        )
        for row in rows
    ]
    return figure(caption, *drawn, class_="strips")


def _strip(row: Strip) -> Html:
    parts = ", ".join(f"{name} {decimal(value)}" for name, value in row.points.items())
    shapes = [element("line", x1="0%", x2="100%", y1="11", y2="11", class_="rail")]
    if row.mean is not None:
        shapes.append(
            element("rect", x="0", y="7", width=_percent(row.mean), height="8", class_="bar")
        )
    shapes += [
        element("circle", words("title", name), cx=_percent(value), cy="11", r="4", class_="dot")
        for name, value in row.points.items()
        if value is not None
    ]
    return drawing(f"{row.label}: mean {decimal(row.mean)}", parts, *shapes, height="22")


def bars(caption: str, rows: Sequence[tuple[str, float, str]]) -> Html:
    """Return plain bars of label, length as a part of one, and figure in words."""
    drawn = [
        element(
            "div",
            words("span", label, class_="strip-name"),
            drawing(
                f"{label}: {length}",
                f"{100 * part:.3g} % of the longest bar",
                element("rect", x="0", y="4", width=_percent(part), height="14", class_="bar"),
                height="22",
            ),
            words("span", length, class_="strip-value"),
            class_="strip",
        )
        for label, part, length in rows
    ]
    return figure(caption, *drawn, class_="strips wide-values")


def whisker(difference: float, bounds: Sequence[float] | None, *, reach: float) -> Html:
    """Return a point with its interval on an axis from -reach to +reach with zero in the middle."""
    shapes = [element("line", x1="50%", x2="50%", y1="0", y2="22", class_="zero")]
    if bounds is not None:
        low, high = (_on_axis(bound, reach) for bound in bounds)
        shapes.append(element("line", x1=low, x2=high, y1="11", y2="11", class_="whisker"))
    shapes.append(element("circle", cx=_on_axis(difference, reach), cy="11", r="4.5", class_="bar"))
    return element("svg", *shapes, class_="mini", height="22", aria_hidden="true")


def _on_axis(value: float, reach: float) -> str:
    return _percent(0.5 + value / (2 * reach))


def rounds_chart(caption: str, panels: Iterable[tuple[str, Sequence[Series]]]) -> Html:
    """Return small charts of the same scale side by side, one legend for all."""
    known = {}
    drawn = []
    for name, series in panels:
        known.update({s.label: (index, s.colour) for index, s in enumerate(series)})
        drawn.append(_panel(name, series))
    return figure(caption, legend_of_lines(known), element("div", *drawn, class_="panels"))


def _panel(name: str, series: Sequence[Series]) -> Html:
    rounds = max((len(s.values) for s in series), default=0)
    lines = [_line(s, index, rounds) for index, s in enumerate(series)]
    said = "; ".join(f"{s.label}: {', '.join(decimal(v) for v in s.values)}" for s in series)
    drawn = drawing(
        f"{name}, F1 after each round", said, *_axes(rounds), *lines, viewBox="0 0 320 190"
    )
    return element("div", words("p", name, class_="panel-name"), drawn, class_="panel")


def _axes(rounds: int) -> list[Html]:
    parts = []
    for tenths in (0, 25, 50, 75, 100):
        y = _y(tenths / 100)
        parts.append(element("line", x1=_LEFT, x2=_RIGHT, y1=y, y2=y, class_="grid"))
        parts.append(words("text", f"{tenths / 100:g}", x=_LEFT - 6, y=y + 4, class_="end"))
    step = -(-rounds // _MOST_TICKS) or 1
    parts += [
        words("text", str(index), x=_x(index, rounds), y=_BOTTOM + 16, class_="mid")
        for index in range(1, rounds + 1, step)
    ]
    parts.append(words("text", "round", x=(_LEFT + _RIGHT) / 2, y=_BOTTOM + 29, class_="mid faint"))
    return parts


def _line(series: Series, index: int, rounds: int) -> Html:
    steps, marks, broken = [], [], True
    for round_index, value in enumerate(series.values, start=1):
        if value is None:
            broken = True
            continue
        x, y = _x(round_index, rounds), _y(value)
        steps.append(f"{'M' if broken else 'L'}{x:.5g} {y:.5g}")
        broken = False
        if round_index == series.best:
            marks.append(element("circle", cx=x, cy=y, r=8.0, class_="ring"))
        marks.append(marker(index, x, y))
    path = element("path", d=" ".join(steps), class_="line") if steps else NOTHING
    return element("g", path, *marks, class_=look(index, series.colour))


def _x(round_index: int, rounds: int) -> float:
    if rounds < 2:  # noqa: PLR2004
        return (_LEFT + _RIGHT) / 2
    return _LEFT + 12 + (round_index - 1) * (_RIGHT - _LEFT - 24) / (rounds - 1)


def _y(value: float) -> float:
    return _BOTTOM - value * (_BOTTOM - _TOP)


def heat_map(
    caption: str,
    columns: Sequence[str],
    groups: Sequence[tuple[str, Sequence[HeatRow]]],
) -> Html:
    """Return scores as a table whose cells are the darker the higher."""
    headings = [Heading("Trained on", figures=False), *(Heading(c, "Scored at") for c in columns)]
    rows = [Rows([_heat_row(row, columns) for row in members], title) for title, members in groups]
    return element("div", table(caption, headings, rows), class_="heat")


def _heat_row(row: HeatRow, columns: Sequence[str]) -> list[Cell]:
    cells = [Cell(text(row.label))]
    for column in columns:
        value = row.scores.get(column)
        classes = ["h-none" if value is None else f"h{round(value * _HEAT_STEPS)}"]
        mark = NOTHING
        if column == row.own:
            classes.append("own")
            mark = hidden(" (its own notes)")
        cells.append(Cell(join([show(decimal(value, digits=2)), mark]), " ".join(classes)))
    return cells


def _percent(part: float) -> str:
    return f"{100 * part:.4g}%"
