"""What a setting varies, across; F1 upwards: over the training sites, and at a new site."""

from collections.abc import Callable, Sequence

from fedmedlora.reporting.arms import mean, title
from fedmedlora.reporting.axes import Quantity
from fedmedlora.reporting.charts import Curve, Mark, Panel, curves, values_table
from fedmedlora.reporting.markup import NOTHING, Html, details, join
from fedmedlora.study.comparing import Estimate
from fedmedlora.study.drawings.looks import (
    AVERAGE_SINGLE,
    POINTS,
    Looks,
    is_single,
    mark,
    sites,
)
from fedmedlora.study.lines import Line
from fedmedlora.study.schema import Setting, Study

_FEWEST = 2
_CAPTION = (
    "Strict F1 of entities over {x}: where curves cross, another way of training becomes the "
    "better one, and the farther they part, the more it matters which is taken. Whiskers are 95 % "
    "intervals over notes, side by side where they would lie on one another; the average site "
    "alone has none.{left}"
)


def over_x(study: Study, setting: Setting, lines: Sequence[Line], looks: Looks) -> Html:
    """Return curves over what the setting's variants vary; nothing where they have no `x`."""
    placed = sorted(
        ((line.variant.x, line) for line in looks.drawn(lines) if line.variant.x is not None),
        key=lambda pair: pair[0],
    )
    told = setting.curve or "x"
    x = Quantity(told, "{:,.6g}".format, "{:,.6g}".format, by_logarithm=True, is_counted=True)
    panels = [
        Panel(name, x, POINTS, found)
        for name, found in _panels(study, placed, looks)
        if len({each.x for curve in found for each in curve.marks}) >= _FEWEST
    ]
    if not panels:
        return NOTHING
    caption = _CAPTION.format(x=told, left=looks.not_drawn)
    tables = [values_table(f"{panel.name}, strict F1 in points", panel) for panel in panels]
    return join([curves(caption, panels), details("The figures", *tables)])


def _panels(
    study: Study, placed: Sequence[tuple[float, Line]], looks: Looks
) -> list[tuple[str, list[Curve]]]:
    new = dict.fromkeys(site for _, line in placed for site in sites(line, "new_site"))
    together = _curves(placed, looks, lambda line: None if is_single(line) else line.mean)
    return [
        ("Mean over training sites", [*together, *_average_single(placed)]),
        *((f"New site: {site}", _at_new_site(study, placed, looks, site)) for site in new),
    ]


def _at_new_site(
    study: Study, placed: Sequence[tuple[float, Line]], looks: Looks, site: str
) -> list[Curve]:
    """Return the new site's own arms, and the reference, which never saw its notes."""

    def figure(line: Line) -> Estimate | None:
        is_own = line.arm.name.partition(":")[2] == site or line.arm.name == study.reference
        return line.outside.get(site) if is_own else None

    return _curves(placed, looks, figure)


def _curves(
    placed: Sequence[tuple[float, Line]],
    looks: Looks,
    figure: Callable[[Line], Estimate | None],
) -> list[Curve]:
    marks: dict[str, list[Mark]] = {}
    for x, line in placed:
        estimate = figure(line)
        if estimate:
            marks.setdefault(line.arm.name, []).append(mark(x, estimate))
    return [Curve(title(name), looks.colour(name), tuple(own)) for name, own in marks.items()]


def _average_single(placed: Sequence[tuple[float, Line]]) -> list[Curve]:
    """Return the mean of all single-site arms as one curve: which sites there are may be varied."""
    found: dict[float, list[float]] = {}
    for x, line in placed:
        if is_single(line) and line.mean:
            found.setdefault(x, []).append(line.mean.value)
    marks = tuple(Mark(x, 100 * (mean(own) or 0.0)) for x, own in found.items())
    return [Curve(AVERAGE_SINGLE, "arm-single", marks)] if marks else []
