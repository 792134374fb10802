"""What arms are called and coloured in a study, by the rules of the report of a run."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fedmedlora.reporting import arms
from fedmedlora.reporting.axes import Quantity
from fedmedlora.reporting.charts import Mark
from fedmedlora.reporting.quantities import decimal
from fedmedlora.study.comparing import MEAN_SINGLE, SINGLE, Estimate
from fedmedlora.study.lines import Line
from fedmedlora.study.schema import Setting, Study

POINTS = Quantity(
    "strict F1 in points", lambda value: decimal(value, digits=1), "{:g}".format, least_span=10.0
)
DEV_POINTS = replace(POINTS, title="strict F1 on dev notes, in points")
AVERAGE_SINGLE = arms.title(MEAN_SINGLE)


class Looks:
    """The colours of one setting's arms, the same in all its figures.

    The reference comes first, so that it has one colour in the whole study. Of many federated arms
    only a few can be told apart, as in the report of a run; zero-shot lies so low that it would
    press all others together. Tables have both.
    """

    def __init__(self, study: Study, lines: Sequence[Line]) -> None:
        names = dict.fromkeys(line.arm.name for line in lines)
        ordered = sorted(names, key=lambda name: name != study.reference)
        self._reference = study.reference
        self._arms = {name: _as_in_results(name, lines) for name in ordered}
        self._results = {"arms": list(self._arms.values()), "preferred": study.reference}
        self._apart = {one["name"] for one in arms.told_apart(self._results)}

    def colour(self, name: str) -> str:
        """Return the style class of an arm's colour."""
        return arms.colour(self._results, self._arms[name])

    def drawn(self, lines: Sequence[Line]) -> list[Line]:
        """Return the lines that have a curve of their own, the reference first."""
        known = [line for line in lines if self._is_drawn(line.arm.name)]
        return sorted(known, key=lambda line: line.arm.name != self._reference)

    @property
    def not_drawn(self) -> str:
        """Return the sentence about arms without a curve, or nothing."""
        names = [arms.title(name) for name in self._arms if not self._is_drawn(name)]
        told = " Tables alone have, so that curves can be told apart: {names}."
        return told.format(names="; ".join(names)) if names else ""

    def _is_drawn(self, name: str) -> bool:
        kind = self._arms[name]["kind"]
        return kind != "zero_shot" and (kind != "federated" or name in self._apart)


def _as_in_results(name: str, lines: Sequence[Line]) -> dict[str, Any]:
    own = [line for line in lines if line.arm.name == name]
    mean = arms.mean(line.mean.value if line.mean else None for line in own)
    summary = {"ner_strict_f1": {"mean": mean}}
    return {"name": name, "kind": own[0].arm.kept[0]["kind"], "summary": summary}


def by_variant(setting: Setting, lines: Sequence[Line]) -> dict[str, list[Line]]:
    """Return the lines of each variant that has any, in the order of the setting."""
    found = {
        variant.name: [line for line in lines if line.variant.name == variant.name]
        for variant in setting.variants
    }
    return {name: own for name, own in found.items() if own}


def is_single(line: Line) -> bool:
    """Return whether a line is of one training site alone."""
    return line.arm.name.startswith(SINGLE)


def mark(x: float, estimate: Estimate) -> Mark:
    """Return an estimate as a point of a chart, in points of F1 with its interval."""
    bounds = estimate.ci95 and (100 * estimate.ci95[0], 100 * estimate.ci95[1])
    return Mark(x, 100 * estimate.value, bounds)


def sites(line: Line, *roles: str) -> list[str]:
    """Return the sites that play one of these roles in the variant of a line."""
    return [site for site, role in line.sites.items() if role in roles]
