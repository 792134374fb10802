"""How good a site is alone, across; its share in the last round, upwards: a point a site and rule.

Rules that gave all sites the same shares are one mark: many weigh by label tokens.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fedmedlora.reporting.arms import mean, title
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
from fedmedlora.reporting.quantities import percent, show
from fedmedlora.study.comparing import SINGLE, Arm
from fedmedlora.study.drawings.looks import POINTS, Looks, is_single
from fedmedlora.study.lines import Line

_QUALITY = replace(POINTS, title="strict F1 of the site alone, in points")
_SHARE = Quantity(
    "share in the last round",
    percent,
    lambda value: percent(value, digits=0),
    least_span=0.1,
)
_DIGITS = 4
_CAPTION = (
    "Whether a method listens to the sites that are worth it: marks that rise to the right give "
    "more to sites whose own model does well on all training sites; flat ones do not ask. Marks of "
    "one site stand side by side about its column, with its number above: {sites}. Means over "
    "seeds; methods of equal shares are one mark."
)
Shares = tuple[tuple[str, float], ...]
"""Site and its share, in the order of the sites."""


def shares_against_quality(lines: Sequence[Line], looks: Looks) -> Html:
    """Return the scatter of sites; nothing where no site trained alone or no method has shares."""
    quality = {
        line.arm.name.removeprefix(SINGLE): 100 * line.mean.value
        for line in lines
        if is_single(line) and line.mean
    }
    rules = _rules([line for line in lines if line.arm.kept[0]["kind"] == "federated"], quality)
    if not rules:
        return NOTHING
    numbers = {site: str(number) for number, site in enumerate(quality, start=1)}
    found = [
        Curve(
            "; ".join(map(title, names)),
            looks.colour(names[0]),
            tuple(Mark(quality[site], share) for site, share in shares),
        )
        for shares, names in rules.items()
    ]
    columns = {numbers[site]: value for site, value in quality.items()}
    panel = Panel("Sites, alone and together", _QUALITY, _SHARE, found, columns)
    caption = _CAPTION.format(sites=", ".join(f"{one} {site}" for site, one in numbers.items()))
    return join([scatter(caption, panel), details("The figures", _table(quality, rules))])


def _rules(lines: Sequence[Line], quality: Mapping[str, float]) -> dict[Shares, list[str]]:
    """Return the names of arms by their shares, those of equal shares together."""
    found: dict[Shares, list[str]] = {}
    for line in lines:
        shares = _shares(line.arm, list(quality))
        if len(shares) > 1:
            found.setdefault(shares, []).append(line.arm.name)
    return found


def _shares(arm: Arm, known: Sequence[str]) -> Shares:
    last = [kept["rounds"][-1].get("shares") or {} for kept in arm.kept if kept["rounds"]]
    means = {site: mean(shares.get(site) for shares in last) for site in known}
    return tuple(
        (site, round(share, _DIGITS)) for site, share in means.items() if share is not None
    )


def _table(quality: Mapping[str, float], rules: Mapping[Shares, Sequence[str]]) -> Html:
    headings = [
        Heading("Site", figures=False),
        Heading("F1 alone"),
        *(
            Heading("; ".join(map(title, names)), "Share in the last round")
            for names in rules.values()
        ),
    ]
    rows = [
        [
            Cell(text(f"{number} {site}")),
            Cell(show(POINTS.in_words(value))),
            *(Cell(show(percent(dict(shares).get(site)))) for shares in rules),
        ]
        for number, (site, value) in enumerate(quality.items(), start=1)
    ]
    return table("Each site alone, and its share in the last round", headings, [Rows(rows)])
