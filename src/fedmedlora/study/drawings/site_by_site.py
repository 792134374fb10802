"""Who does well where: a heat map of arms and the sites they are scored at."""

from collections.abc import Sequence

from fedmedlora.reporting.arms import title
from fedmedlora.reporting.figures import HeatRow, heat_map
from fedmedlora.reporting.markup import Html
from fedmedlora.study.drawings.looks import is_single, sites
from fedmedlora.study.lines import Line

_CAPTION = (
    "Strict F1 of entities at each site, from 0 to 1, the darker the higher: a pale column is a "
    "hard site, a pale row a weak arm; a framed cell, of an arm on its own notes, that is darker "
    "than its row says that what it learnt there does not travel."
)
_OF_SITES = ("train", "external", "new_site")


def site_by_site(lines: Sequence[Line]) -> Html:
    """Return one row an arm, one column a site."""
    columns = list(dict.fromkeys(site for line in lines for site in sites(line, *_OF_SITES)))
    singles = [_row(line) for line in lines if is_single(line)]
    others = [_row(line) for line in lines if not is_single(line)]
    groups = [("One site alone", singles), ("All others", others)] if singles else [("", others)]
    return heat_map(_CAPTION, columns, groups)


def _row(line: Line) -> HeatRow:
    scores = {site: one.value for site, one in line.by_site.items()}
    return HeatRow(title(line.arm.name), line.arm.name.partition(":")[2] or None, scores)
