"""Charts of any two quantities: curves with intervals, and points; the numbers stand in a table.

Charts reach from the least to the largest number, not from 0, for differences are what is looked
at. A panel has a view box and grows with the page, so that words in it stay as large as around it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import hypot

from fedmedlora.reporting.axes import Axis, Quantity, axis_across, axis_upwards
from fedmedlora.reporting.markup import (
    NOTHING,
    Cell,
    Heading,
    Html,
    Rows,
    element,
    table,
    text,
    words,
)
from fedmedlora.reporting.quantities import UNDEFINED, show
from fedmedlora.reporting.shapes import (
    drawing,
    figure,
    legend_of_lines,
    legend_of_marks,
    look,
    marker,
)

_WIDTH, _BELOW = 420.0, 42.0
_LEFT, _RIGHT, _TOP = 44.0, 406.0, 40.0
_BOTTOM, _LOW_BOTTOM = 230.0, 340.0
"""Of curves, and of points, which need more room for letters."""
_INSET, _TITLE = 16.0, 11.0
_DODGE, _MOST_DODGE = 4.0, 12.0
_LABEL_APART, _HALF_LETTER = 11.0, 4.0
_AROUND = ((0, -9), (9, -6), (-9, -6), (12, 4), (-12, 4), (9, 13), (-9, 13), (0, 16))
_ASIDE = ((26, 4), (-26, 4), (42, 4), (-42, 4))
"""Where letters go that find no room around their mark."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One point of a chart.

    Attributes:
        bounds: Interval of `y`, drawn as a whisker, or None.
        label: A few letters written beside it.
    """

    x: float
    y: float
    bounds: tuple[float, float] | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class Curve:
    """What belongs together in a chart, in one colour.

    Attributes:
        colour: Style class of its arm.
        marks: In the order in which they are joined.
    """

    label: str
    colour: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart.

    Attributes:
        columns: Places on `x` that have a name of a few letters, written over the chart.
    """

    name: str
    x: Quantity
    y: Quantity
    curves: Sequence[Curve]
    columns: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Plane:
    x: Axis
    y: Axis


def curves(caption: str, panels: Sequence[Panel]) -> Html:
    """Return charts side by side whose marks are joined, one legend for all.

    A curve of the same label looks the same in each panel.
    """
    known = _known(panels)
    drawn = []
    for panel in panels:
        plane = _plane(panel, bottom=_BOTTOM)
        shapes = [
            _curve(curve, known[curve.label][0], plane, _dodge(position, panel))
            for position, curve in enumerate(panel.curves)
        ]
        drawn.append(_panel(panel, plane, shapes))
    return figure(caption, legend_of_lines(known), element("div", *drawn, class_="charts"))


def scatter(caption: str, panel: Panel) -> Html:
    """Return one chart whose marks are not joined."""
    known, plane = _known([panel]), _plane(panel, bottom=_LOW_BOTTOM)
    shapes = [
        _points(curve, known[curve.label][0], plane, _dodge(position, panel))
        for position, curve in enumerate(panel.curves)
    ]
    drawn = _panel(panel, plane, [*_labels(panel, plane), *shapes])
    return figure(caption, legend_of_marks(known), element("div", drawn, class_="charts"))


def values_table(caption: str, panel: Panel) -> Html:
    """Return the numbers of a panel, a row a curve, a column for each number across."""
    columns = sorted({mark.x for curve in panel.curves for mark in curve.marks})
    headings = [
        Heading(panel.y.title, figures=False),
        *(Heading(panel.x.in_words(x), panel.x.title) for x in columns),
    ]
    rows = []
    for curve in panel.curves:
        found = {mark.x: _in_words(mark, panel.y) for mark in curve.marks}
        cells = [Cell(show(found.get(x, UNDEFINED))) for x in columns]
        rows.append([Cell(text(curve.label)), *cells])
    return table(caption, headings, [Rows(rows)])


def _known(panels: Iterable[Panel]) -> dict[str, tuple[int, str]]:
    colours = {curve.label: curve.colour for panel in panels for curve in panel.curves}
    return {label: (index, colour) for index, (label, colour) in enumerate(colours.items())}


def _in_words(mark: Mark, quantity: Quantity) -> str:
    if mark.bounds is None:
        return quantity.in_words(mark.y)
    low, high = map(quantity.in_words, mark.bounds)
    return f"{quantity.in_words(mark.y)} [{low}, {high}]"


def _plane(panel: Panel, *, bottom: float) -> _Plane:
    marks = [mark for curve in panel.curves for mark in curve.marks]
    across = [*(mark.x for mark in marks), *panel.columns.values()]
    upwards = [each for mark in marks for each in (mark.y, *(mark.bounds or ()))]
    return _Plane(
        axis_across(panel.x, across, start=_LEFT + _INSET, end=_RIGHT - _INSET),
        axis_upwards(panel.y, upwards, start=bottom, end=_TOP),
    )


def _panel(panel: Panel, plane: _Plane, shapes: Iterable[Html]) -> Html:
    said = "; ".join(
        f"{curve.label}: "
        + ", ".join(
            f"{_in_words(mark, panel.y)} at {panel.x.in_words(mark.x)}" for mark in curve.marks
        )
        for curve in panel.curves
    )
    drawn = drawing(
        f"{panel.name}: {panel.y.title} over {panel.x.title}",
        said,
        *_across(panel, plane),
        *_upwards(panel, plane),
        *_columns(panel, plane),
        *shapes,
        viewBox=f"0 0 {_WIDTH:g} {plane.y.start + _BELOW:g}",
    )
    return element("div", words("p", panel.name, class_="panel-name"), drawn, class_="panel")


def _upwards(panel: Panel, plane: _Plane) -> Iterable[Html]:
    for tick in plane.y.ticks:
        y = plane.y.place(tick)
        yield element("line", x1=_LEFT, x2=_RIGHT, y1=y, y2=y, class_="grid")
        yield words("text", panel.y.at_tick(tick), x=_LEFT - 7, y=y + 4, class_="end")
    yield words("text", panel.y.title, x=0.0, y=_TITLE)


def _across(panel: Panel, plane: _Plane) -> Iterable[Html]:
    bottom = plane.y.start
    for tick in plane.x.ticks:
        x = plane.x.place(tick)
        yield element("line", x1=x, x2=x, y1=bottom, y2=bottom + 4, class_="tick")
        yield words("text", panel.x.at_tick(tick), x=x, y=bottom + 17, class_="mid")
    scale = " (logarithmic)" if plane.x.is_logarithmic else ""
    middle = (_LEFT + _RIGHT) / 2
    yield words("text", f"{panel.x.title}{scale}", x=middle, y=bottom + 36, class_="mid")


def _columns(panel: Panel, plane: _Plane) -> Iterable[Html]:
    last, level = -_WIDTH, 0
    for name, value in sorted(panel.columns.items(), key=lambda column: column[1]):
        x = plane.x.place(value)
        # Names of neighbours that are close stand one above the other.
        level = level + 1 if x - last < _LABEL_APART else 0
        last = x
        yield element("line", x1=x, x2=x, y1=_TOP, y2=plane.y.start, class_="column")
        yield words("text", name, x=x, y=_TOP - 7 - 11 * level, class_="mid")


def _dodge(position: int, panel: Panel) -> float:
    """Return how far a curve is moved sideways, so that not all lies on the same vertical."""
    has_whiskers = any(mark.bounds for curve in panel.curves for mark in curve.marks)
    if not (has_whiskers or panel.columns):
        return 0.0
    half = (len(panel.curves) - 1) / 2
    return (position - half) * min(_DODGE, _MOST_DODGE / max(half, 1.0))


def _curve(curve: Curve, index: int, plane: _Plane, aside: float) -> Html:
    places = [(plane.x.place(mark.x) + aside, plane.y.place(mark.y)) for mark in curve.marks]
    steps = " ".join(
        f"{'L' if position else 'M'}{x:.5g} {y:.5g}" for position, (x, y) in enumerate(places)
    )
    whiskers = [
        _whisker(x, mark.bounds, plane)
        for (x, _), mark in zip(places, curve.marks, strict=True)
        if mark.bounds
    ]
    path = element("path", d=steps, class_="line") if len(places) > 1 else NOTHING
    marks = [marker(index, *place) for place in places]
    return element("g", *whiskers, path, *marks, class_=look(index, curve.colour))


def _points(curve: Curve, index: int, plane: _Plane, aside: float) -> Html:
    marks = [
        marker(index, plane.x.place(mark.x) + aside, plane.y.place(mark.y)) for mark in curve.marks
    ]
    return element("g", *marks, class_=look(index, curve.colour))


def _whisker(x: float, bounds: tuple[float, float], plane: _Plane) -> Html:
    low, high = map(plane.y.place, bounds)
    return element("line", x1=x, x2=x, y1=low, y2=high, class_="reach")


def _labels(panel: Panel, plane: _Plane) -> Iterable[Html]:
    """Yield the letters beside marks, each at the first place where it is apart from all else."""
    marks = [mark for curve in panel.curves for mark in curve.marks]
    taken = [(plane.x.place(mark.x), plane.y.place(mark.y)) for mark in marks]
    for mark in marks:
        if not mark.label:
            continue
        x, y = plane.x.place(mark.x), plane.y.place(mark.y)
        free = [(x + right, y + down) for right, down in (*_AROUND, *_ASIDE)]
        chosen = max(free, key=lambda place: min(_LABEL_APART, _nearest(place, taken)))
        # A letter is written upwards from its place: its middle is higher by half its height.
        taken.append((chosen[0], chosen[1] - _HALF_LETTER))
        if abs(chosen[0] - x) > abs(_AROUND[3][0]):
            side = -7 if chosen[0] > x else 7
            yield element("line", x1=x, x2=chosen[0] + side, y1=y, y2=y, class_="leader")
        yield words("text", mark.label, x=chosen[0], y=chosen[1], class_="mid point-label")


def _nearest(place: tuple[float, float], taken: Iterable[tuple[float, float]]) -> float:
    return min(hypot(place[0] - x, place[1] - _HALF_LETTER - y) for x, y in taken)
