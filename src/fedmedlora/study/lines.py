"""The rows of a study's tables: one arm of one variant each, with every figure that is told."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fedmedlora.study.comparing import (
    BEST_SINGLE,
    MEAN_SINGLE,
    SINGLE,
    Arm,
    Estimate,
    Figures,
    arms_of,
    holm,
)
from fedmedlora.study.conducting import Done
from fedmedlora.study.schema import Setting, Study, Variant

_Seeded = tuple[int, Mapping[str, Any]]
"""A cell's seed, and what was kept of it."""
NER, RELATIONS, PROBLEM = "ner_strict", "re_gold_strict", "problem_strict"
CENTRALISED = "centralised"


@dataclass(frozen=True, slots=True)
class Line:
    """What one arm of one variant came to; None where it was not scored so.

    Attributes:
        mean: Of strict entity F1 over the training sites; so are `lowest` and `harmonic`.
        outside: Strict entity F1 on each site that did not train, by site.
        relations: Strict relation F1 from given heads, mean over the training sites.
        gains: Difference of `mean` to the reference, both single-site figures and centralised.
        p: Holm's, of the gain on the reference, among the arms of the variant.
        by_site: Strict entity F1 on each site.
    """

    setting: str
    variant: Variant
    arm: Arm
    mean: Estimate | None
    lowest: Estimate | None
    harmonic: Estimate | None
    relations: Estimate | None
    problem: Estimate | None
    outside: Mapping[str, Estimate]
    by_site: Mapping[str, Estimate]
    gains: Mapping[str, Estimate]
    p: float | None = None
    sites: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Group:
    """The arms of one variant of a setting.

    Attributes:
        trained: Sites that means run over: those that train in every variant of the setting, so
            that variants can be compared; all of the variant's own where there are none such.
        outside: Sites that do not train from the start.
    """

    variant: Variant
    figures: Figures
    trained: tuple[str, ...]
    outside: tuple[str, ...]
    roles: Mapping[str, str]


def groups_of(study: Study, setting: Setting, done: Done) -> list[Group]:
    """Return the arms of a setting, variant by variant; one without cells is left out."""
    cells = {
        variant.name: [
            (cell.seed, kept)
            for cell, kept in done
            if (cell.setting, cell.variant) == (setting.name, variant.name)
        ]
        for variant in setting.variants
    }
    roles = {
        name: {site["name"]: site["role"] for site in own[0][1]["sites"]}
        for name, own in cells.items()
        if own
    }
    trained = {name: _of_role(own, "train") for name, own in roles.items()}
    shared = {site for own in trained.values() for site in own}.intersection(*trained.values())
    return [
        Group(
            variant,
            Figures(arms_of(_of_shared_seeds(cells[variant.name])), replicates=study.replicates),
            tuple(site for site in own if not shared or site in shared),
            _of_role(roles[variant.name], "external", "new_site"),
            roles[variant.name],
        )
        for variant in setting.variants
        if (own := trained.get(variant.name)) is not None
    ]


def _of_shared_seeds(cells: Sequence[_Seeded]) -> list[_Seeded]:
    """Return the cells of the seeds that every arm has by now; they are compared seed by seed."""
    of_arms: dict[str, set[int]] = {}
    for seed, kept in cells:
        for arm in kept["arms"]:
            of_arms.setdefault(arm["name"], set()).add(seed)
    shared = set.intersection(*of_arms.values())
    return [(seed, kept) for seed, kept in cells if seed in shared]


def lines_of(study: Study, setting: Setting, done: Done) -> list[Line]:
    """Return the rows of a setting, variant by variant, arms in the order of the study."""
    groups = groups_of(study, setting, done)
    return [line for group in groups for line in _of_group(study, setting, group)]


def _of_role(roles: Mapping[str, str], *wanted: str) -> tuple[str, ...]:
    return tuple(site for site, role in roles.items() if role in wanted)


def _of_group(study: Study, setting: Setting, group: Group) -> Iterator[Line]:
    figures, trained = group.figures, group.trained
    against = {
        name: gain
        for name in figures.arms
        if name != study.reference and not name.startswith(SINGLE)
        if (gain := _gain(figures, name, study.reference, trained)) and gain.p is not None
    }
    corrected = holm({name: gain.p for name, gain in against.items() if gain.p is not None})
    for name, arm in figures.arms.items():
        by_site = {
            site: found
            for site in group.roles
            if (found := figures.estimate(name, NER, [site], "mean"))
        }
        opponents = (study.reference, BEST_SINGLE, MEAN_SINGLE, CENTRALISED)
        gains = {one: _gain(figures, name, one, trained) for one in opponents if one != name}
        yield Line(
            setting.name,
            group.variant,
            arm,
            figures.estimate(name, NER, trained, "mean"),
            figures.estimate(name, NER, trained, "min"),
            figures.estimate(name, NER, trained, "harmonic_mean"),
            figures.estimate(name, RELATIONS, trained, "mean"),
            figures.estimate(name, PROBLEM, trained, "mean"),
            {site: by_site[site] for site in group.outside if site in by_site},
            by_site,
            {one: gain for one, gain in gains.items() if gain},
            corrected.get(name),
            group.roles,
        )


def _gain(figures: Figures, arm: str, against: str, sites: Sequence[str]) -> Estimate | None:
    return figures.difference(arm, against, NER, sites, "mean")
