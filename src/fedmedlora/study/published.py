"""What the two papers report, and what the same figure is here. Their notes are others.

Sources: Li et al., Fed-MedLoRA (arXiv 2601.22124); Chen et al., Flow of Knowledge (arXiv
2510.00543); as their public summaries have it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fedmedlora.study.comparing import BEST_SINGLE, MEAN_SINGLE, Over
from fedmedlora.study.conducting import Done
from fedmedlora.study.lines import CENTRALISED, NER, RELATIONS, Group, groups_of
from fedmedlora.study.schema import Study

_ZERO_SHOT, _BERT = "zero_shot", "bert"


@dataclass(frozen=True, slots=True)
class Beside:
    """One figure of a paper beside ours.

    Attributes:
        what: Of the reference, against what.
        theirs: As the paper has it.
        ours: In the same unit, None where this study does not have it.
    """

    setting: str
    what: str
    theirs: str
    ours: str


def published(study: Study, done: Done) -> list[Beside]:
    """Return the papers' figures beside those of every setting that asks for `gaps`."""
    return [
        Beside(setting.title, what, theirs, ours)
        for setting in study.settings
        if "gaps" in setting.asks
        for group in groups_of(study, setting, done)[:1]
        for what, theirs, ours in _of(group, study.reference)
        if ours is not None
    ]


def _of(group: Group, own: str) -> Iterator[tuple[str, str, str | None]]:
    trained = group.trained
    external = [site for site in group.outside if group.roles[site] == "external"]
    yield (
        "entities over zero-shot, points",
        "up to 65",
        _points(group, own, _ZERO_SHOT, NER, trained),
    )
    yield (
        "entities over the average site alone, points",
        "about 25",
        _points(group, own, MEAN_SINGLE, NER, trained),
    )
    yield (
        "relations over BERT, points",
        "over 40",
        _points(group, own, _BERT, RELATIONS, trained),
    )
    yield (
        "external sites over the best site alone, points",
        "10 to 70 over baselines",
        _points(group, own, BEST_SINGLE, NER, external),
    )
    yield (
        "entities below all notes in one place, relative",
        "about 2 %, 10 sites",
        _relative(group, own, CENTRALISED, trained, "mean"),
    )
    yield (
        "lowest site over the average site alone, relative",
        "+2.3 to +4.1 % (Min-Acc, another task)",
        _relative(group, own, MEAN_SINGLE, trained, "min"),
    )
    yield (
        "harmonic mean over the average site alone, relative",
        "+1.8 to +3.2 % (another task)",
        _relative(group, own, MEAN_SINGLE, trained, "harmonic_mean"),
    )
    yield (
        "external sites over the average site alone, relative",
        "+23.6 % (generalisation, another task)",
        _relative(group, own, MEAN_SINGLE, external, "mean"),
    )


def _points(group: Group, own: str, against: str, figure: str, sites: Sequence[str]) -> str | None:
    gain = _gain(group, own, against, figure, sites, "mean")
    return None if gain is None else f"{100 * gain[0]:+.1f}"


def _relative(group: Group, own: str, against: str, sites: Sequence[str], over: Over) -> str | None:
    gain = _gain(group, own, against, NER, sites, over)
    if gain is None or gain[1] == gain[0]:
        return None
    difference, value = gain
    return f"{100 * difference / (value - difference):+.1f} %"


def _gain(
    group: Group, own: str, against: str, figure: str, sites: Sequence[str], over: Over
) -> tuple[float, float] | None:
    """Return (difference, the reference's own figure), None where either is undefined."""
    if own not in group.figures.arms or not sites:
        return None
    difference = group.figures.difference(own, against, figure, sites, over)
    value = group.figures.estimate(own, figure, sites, over)
    return None if difference is None or value is None else (difference.value, value.value)
