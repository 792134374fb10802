"""What a study must show, held against what it found: limits in points of strict entity F1.

    methods          the reference is not inferior to any other federated method
    gaps             gains on single sites, the gap to all notes in one place, the lowest site,
                     and no later round that loses much
    number_of_sites  the gap at 5 and at 20 sites
    outlier          the reference loses at most half of what weighting by size alone loses
    new_site         a federated start is better than none at 25 notes

"Not inferior" is read from the lower end of the paired 95 % interval; where that is wide, a miss
may be for want of notes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from fedmedlora.reporting.arms import title
from fedmedlora.study.comparing import (
    BEST_SINGLE,
    MEAN_SINGLE,
    Arm,
    Estimate,
    Over,
)
from fedmedlora.study.conducting import Done
from fedmedlora.study.lines import CENTRALISED, NER, Group, groups_of
from fedmedlora.study.schema import Asked, Study

_MARGIN = 1.0
_BY_SIZE = "fed_medlora"
_GAPS = {5: 3.0, 20: 4.0}
_NEW_SITE_NOTES = 25
_MOST_LOST_LATER = 2.0
_FEDERATED = ("federated", "personalised")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One thing that a setting must show.

    Attributes:
        asked: In words, with its limit.
        found: The figure, in words.
        is_met: Whether it was found so.
    """

    setting: str
    asked: str
    found: str
    is_met: bool


def verdicts(study: Study, done: Done) -> list[Verdict]:
    """Return what every setting with cells was asked, in the order of the study."""
    return [
        Verdict(setting.title, asked, found, is_met)
        for setting in study.settings
        # The first variant is what others are held against; it may not be run yet.
        if (groups := groups_of(study, setting, done)) and groups[0].variant == setting.variants[0]
        for question in setting.asks
        for asked, found, is_met in _QUESTIONS[question](study, groups)
    ]


_Said = tuple[str, str, bool]


def _methods(study: Study, groups: Sequence[Group]) -> Iterator[_Said]:
    (group, *_) = groups
    own = study.reference
    others = [
        name
        for name, arm in group.figures.arms.items()
        if name != own and arm.kept[0]["kind"] in _FEDERATED
    ]
    places: list[tuple[str, Sequence[str], Over]] = [
        ("the mean over sites", group.trained, "mean"),
        ("the lowest site", group.trained, "min"),
    ]
    external = [site for site in group.outside if group.roles[site] == "external"]
    places += [(site, [site], "mean") for site in external]
    for where, sites, over in places:
        found = {
            name: gain
            for name in others
            if (gain := group.figures.difference(own, name, NER, sites, over))
        }
        beaten = {name: one for name, one in found.items() if _low(one) <= -_MARGIN}
        asked = f"{title(own)} is at most {_MARGIN:g} below any other method on {where}"
        said = "; ".join(f"{title(name)} {_told(one)}" for name, one in beaten.items())
        if found:
            yield asked, f"may be more below: {said}" if beaten else "so it is", not beaten


def _gaps(study: Study, groups: Sequence[Group]) -> Iterator[_Said]:
    (group, *_) = groups
    own, figures, sites = study.reference, group.figures, group.trained
    for against, least in ((BEST_SINGLE, 10.0), (MEAN_SINGLE, 15.0), (CENTRALISED, -_GAPS[5])):
        gain = figures.difference(own, against, NER, sites, "mean")
        if gain:
            asked = f"at least {least:+g} against the {against}"
            if against == CENTRALISED:
                asked = f"at most {-least:g} below all notes in one place"
            yield asked, _told(gain), 100 * gain.value >= least
    lowest = figures.difference(own, BEST_SINGLE, NER, sites, "min")
    if lowest:
        yield (
            "its lowest site is above the best lowest site of one alone",
            _told(lowest),
            (lowest.value > 0),
        )
    if own in figures.arms:
        lost = 100 * _lost_later(figures.arms[own], sites)
        asked = f"no round after the second loses more than {_MOST_LOST_LATER:g} of dev mean"
        yield asked, f"{lost:.1f} at most", lost <= _MOST_LOST_LATER


def _number_of_sites(study: Study, groups: Sequence[Group]) -> Iterator[_Said]:
    for group in groups:
        most = _GAPS.get(int(group.variant.x or 0))
        gain = group.figures.difference(study.reference, CENTRALISED, NER, group.trained, "mean")
        if most is not None and gain:
            asked = f"at {group.variant.x:g} sites at most {most:g} below all notes in one place"
            yield asked, _told(gain), 100 * gain.value >= -most


def _outlier(study: Study, groups: Sequence[Group]) -> Iterator[_Said]:
    (without, *others) = groups
    for group in others:
        lost = {
            name: before.value - after.value
            for name in (study.reference, _BY_SIZE)
            if (before := _mean(without, name)) and (after := _mean(group, name))
        }
        if len(lost) == len({study.reference, _BY_SIZE}):
            own, by_size = (100 * lost[name] for name in (study.reference, _BY_SIZE))
            asked = (
                f"{group.variant.name}: {title(study.reference)} loses at most half of what "
                f"{title(_BY_SIZE)} loses"
            )
            yield asked, f"{own:.1f} of {by_size:.1f} lost", own <= max(0.0, by_size / 2)


def _new_site(_: Study, groups: Sequence[Group]) -> Iterator[_Said]:
    for group in groups:
        if group.variant.x != _NEW_SITE_NOTES:
            continue
        for site in (one for one in group.outside if group.roles[one] == "new_site"):
            arms = f"adapted:{site}", f"local_only:{site}"
            gain = group.figures.difference(*arms, NER, [site], "mean")
            if gain:
                asked = f"{site} at {_NEW_SITE_NOTES} notes: a federated start is better than none"
                yield asked, _told(gain), _low(gain) > 0


_QUESTIONS: Mapping[Asked, Callable[[Study, Sequence[Group]], Iterator[_Said]]] = {
    "methods": _methods,
    "gaps": _gaps,
    "number_of_sites": _number_of_sites,
    "outlier": _outlier,
    "new_site": _new_site,
}


def _mean(group: Group, arm: str) -> Estimate | None:
    if arm not in group.figures.arms:
        return None
    return group.figures.estimate(arm, NER, group.trained, "mean")


def _lost_later(arm: Arm, sites: Sequence[str]) -> float:
    """Return the most that a round after the second lost against the one before, over all seeds."""
    lost = [0.0]
    for kept in arm.kept:
        means = [
            sum(one["dev"].get(site) or 0.0 for site in sites) / len(sites)
            for one in kept["rounds"]
        ]
        lost += [means[i - 1] - means[i] for i in range(2, len(means))]
    return max(lost)


def _low(estimate: Estimate) -> float:
    """Return the lower end of an interval in points, the figure itself where it has none."""
    return 100 * (estimate.ci95[0] if estimate.ci95 else estimate.value)


def _told(estimate: Estimate) -> str:
    low, high = estimate.ci95 or (estimate.value, estimate.value)
    return f"{100 * estimate.value:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"
