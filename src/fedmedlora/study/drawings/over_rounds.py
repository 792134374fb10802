"""F1 on dev notes over rounds, bytes and seconds: of the federation, and of a new site."""

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any

from fedmedlora.reporting.arms import mean, title
from fedmedlora.reporting.axes import Quantity
from fedmedlora.reporting.charts import Curve, Mark, Panel, curves, values_table
from fedmedlora.reporting.markup import NOTHING, Html, details, join
from fedmedlora.reporting.quantities import size
from fedmedlora.study.comparing import Arm, bytes_of
from fedmedlora.study.drawings.looks import DEV_POINTS, Looks, sites
from fedmedlora.study.lines import Line

_ROUNDS = Quantity("round", "{:g}".format, "{:g}".format, is_counted=True)
_BYTES = Quantity("bytes so far, both ways", size, size, by_logarithm=True)
_SECONDS = Quantity("seconds so far, of one core", "{:.0f}".format, "{:.0f}".format)
_CONVERGENCE = (
    "How soon each way of training is as good as it gets, on the dev notes of the training sites: "
    "the flatter a line, the less another round brings.{bytes} Seconds are those of the machine "
    "it ran on, with whatever else ran there. Mean over seeds, as far as every "
    "seed went.{left}"
)
_BY_BYTES = " Against what travelled, too: the farther left, the cheaper."
_NEW_SITE = (
    "How soon {site} has a model of its own, on its dev notes: a line that begins high was helped "
    "by what others had learnt. Mean over seeds, as far as every seed went."
)


ByRound = Mapping[int, float]


def over_rounds(lines: Sequence[Line], looks: Looks) -> Html:
    """Return how dev F1 grew over rounds, seconds, and bytes where arms differ in them.

    Nothing where no arm has dev scores of all training sites.
    """
    trained = sites(lines[0], "train")
    grown = {
        line.arm.name: growth
        for line in looks.drawn(lines)
        if (growth := _growth(line.arm, trained))
    }
    if not grown:
        return NOTHING
    rounds = Panel("Round by round", _ROUNDS, DEV_POINTS, _over_rounds(grown, looks))
    panels, tables = [rounds], [values_table("Dev F1 after each round, in points", rounds)]
    sent = {
        line.arm.name: sent
        for line in looks.drawn(lines)
        if line.arm.name in grown and (sent := _so_far(line.arm, bytes_of))
    }
    if differ := len({own[1] for own in sent.values()}) > 1:
        panels.append(Panel("Byte by byte", _BYTES, DEV_POINTS, _against(grown, sent, looks)))
        travelled = Panel("", _ROUNDS, _BYTES, _over_rounds(sent, looks))
        tables.append(values_table("Sent up to each round, both ways", travelled))
    took = {
        line.arm.name: _so_far(line.arm, lambda one: float(one["seconds"]))
        for line in looks.drawn(lines)
        if line.arm.name in grown
    }
    if all(took.values()):
        panels.append(Panel("Second by second", _SECONDS, DEV_POINTS, _against(grown, took, looks)))
        lasted = Panel("", _ROUNDS, _SECONDS, _over_rounds(took, looks))
        tables.append(values_table("Seconds up to each round", lasted))
    told = _CONVERGENCE.format(bytes=_BY_BYTES if differ else "", left=looks.not_drawn)
    return join([curves(told, panels), details("The figures", *tables)])


def new_site_over_rounds(lines: Sequence[Line], looks: Looks) -> Html:
    """Return how dev F1 of each new site grew in its own arms; nothing where it was not scored."""
    drawn = []
    for site in sites(lines[0], "new_site"):
        own = [line.arm for line in lines if line.arm.name.partition(":")[2] == site]
        grown = {arm.name: growth for arm in own if (growth := _growth(arm, [site]))}
        if grown:
            panel = Panel(f"New site: {site}", _ROUNDS, DEV_POINTS, _over_rounds(grown, looks))
            told = values_table(f"Dev F1 of {site} after each round, in points", panel)
            drawn += [curves(_NEW_SITE.format(site=site), [panel]), details("The figures", told)]
    return join(drawn)


def _against(
    grown: Mapping[str, ByRound], spent: Mapping[str, ByRound], looks: Looks
) -> list[Curve]:
    return [
        Curve(
            title(name),
            looks.colour(name),
            tuple(Mark(own[index], f1) for index, f1 in grown[name].items()),
        )
        for name, own in spent.items()
    ]


def _over_rounds(by_arm: Mapping[str, ByRound], looks: Looks) -> list[Curve]:
    return [
        Curve(title(name), looks.colour(name), tuple(Mark(x, y) for x, y in own.items()))
        for name, own in by_arm.items()
    ]


def _growth(arm: Arm, scored: Sequence[str]) -> ByRound:
    """Return dev F1 in points, mean over sites and seeds, of rounds in which all were scored."""
    grown = {}
    for rounds in zip(*(kept["rounds"] for kept in arm.kept), strict=False):
        found = [one["dev"].get(site) for one in rounds for site in scored]
        known = mean(found)
        if known is not None and None not in found:
            grown[rounds[0]["round"]] = 100 * known
    return grown


def _so_far(arm: Arm, spent: Callable[[Mapping[str, Any]], float]) -> ByRound:
    """Return what was spent up to each round, mean over seeds; nothing where it was nothing."""
    by_seed = [accumulate(map(spent, kept["rounds"])) for kept in arm.kept]
    means = [sum(each) / len(each) for each in zip(*by_seed, strict=False)]
    return dict(enumerate(means, start=1)) if any(means) else {}
