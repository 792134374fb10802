"""What an arm sent, across; the F1 it came to, upwards: one point an arm."""

from collections.abc import Sequence

from fedmedlora.reporting.arms import UNTRAINED, title
from fedmedlora.reporting.axes import Quantity
from fedmedlora.reporting.charts import Curve, Mark, Panel, scatter
from fedmedlora.reporting.markup import (
    NOTHING,
    Cell,
    Heading,
    Html,
    Rows,
    details,
    join,
    table,
    text,
)
from fedmedlora.reporting.quantities import show, size
from fedmedlora.study.drawings.looks import POINTS, Looks
from fedmedlora.study.lines import Line
from fedmedlora.study.tables import with_interval

_BYTES = Quantity("bytes of all rounds, both ways", size, size, by_logarithm=True)
_CAPTION = (
    "What F1 costs in bytes, one mark a trained arm: the higher and the farther left, the better. "
    "What stands at 0 sent nothing: models stayed where they were, or all notes lay in one place. "
    "How far notes alone could move a mark says the table."
)


def bytes_against_f1(lines: Sequence[Line], looks: Looks) -> Html:
    """Return the scatter of arms; nothing where no arm sent anything."""
    scored = [line for line in lines if line.mean and line.arm.kept[0]["kind"] not in UNTRAINED]
    if not any(line.arm.bytes_sent for line in scored):
        return NOTHING
    found = [_curve(line, str(number), looks) for number, line in enumerate(scored, start=1)]
    panel = Panel("Mean over training sites", _BYTES, POINTS, found)
    return join([scatter(_CAPTION, panel), details("The figures", _table(scored))])


def _curve(line: Line, number: str, looks: Looks) -> Curve:
    f1 = (100 * line.mean.value,) if line.mean else ()
    marks = tuple(Mark(line.arm.bytes_sent, value, label=number) for value in f1)
    return Curve(f"{number} {title(line.arm.name)}", looks.colour(line.arm.name), marks)


def _table(lines: Sequence[Line]) -> Html:
    headings = [Heading("Arm", figures=False), Heading("sent"), Heading("F1 in points")]
    rows = [
        [
            Cell(text(f"{number} {title(line.arm.name)}")),
            Cell(text(size(line.arm.bytes_sent))),
            Cell(show(with_interval(line.mean))),
        ]
        for number, line in enumerate(lines, start=1)
    ]
    return table("Bytes sent and strict F1, mean over training sites", headings, [Rows(rows)])
