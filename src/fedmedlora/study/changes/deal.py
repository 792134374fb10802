"""All training notes dealt anew to as many sites, from an even shuffle to each site its own.

Site k gets of each origin a part p_k, where p is drawn from a Dirichlet distribution whose mean is
one part each: with a large concentration all sites are alike, with a small one nearly all notes of
an origin go to one site. The sites annotate what all of the origins do, so that no type is
unknown to a part of a site, and are public where all of the origins are. Notes that stand in none
of `train`, `dev` and `test` take no part in an experiment and stay behind.

Source: Hsu, Qi and Brown, Measuring the Effects of Non-Identical Data Distribution for Federated
Visual Classification (arXiv 1909.06335), section 2, with origins in the place of classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Annotated

import numpy as np

from fedmedlora.clinical.labels import MAIN_TYPES
from fedmedlora.clinical.notes import Labels, Note, SiteNotes
from fedmedlora.evaluation.cohorts import in_hash_order
from fedmedlora.ranges import at_least
from fedmedlora.study.change import ChangeKind, Site, Sites
from fedmedlora.synthetic.annotation import annotated_as

_SPLITS = ("train", "dev", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """How alike the sites become.

    Attributes:
        concentration: Of the Dirichlet distribution; 0 leaves each note where it is.
        seed: What the parts follow from.
    """

    concentration: Annotated[float, at_least(0)]
    seed: Annotated[int, at_least(0)] = 0


def _apply(sites: Sites, settings: Deal) -> Sites:
    trained = {name: site for name, site in sites.items() if site.is_trained}
    labels = _shared([site.notes.labels for site in trained.values()])
    used = [s for s in _SPLITS if any(s in site.notes.splits for site in trained.values())]
    dealt: dict[str, dict[str, list[Note]]] = {
        name: {split: [] for split in used} for name in trained
    }
    for origin, site in trained.items():
        parts = _parts_of(origin, list(trained), settings)
        for split, by_site in _dealt(site, parts):
            for name, notes in zip(trained, by_site, strict=True):
                dealt[name][split] += [
                    annotated_as(_moved(note, origin, name), labels) for note in notes
                ]
    for name, splits in dealt.items():
        if empty := [split for split, notes in splits.items() if not notes]:
            raise ValueError(f"found no {empty[0]} notes left for {name}, expected some")
    public = all(site.notes.public for site in trained.values())
    changed = {
        name: replace(site, notes=SiteNotes(name, labels, public, _frozen(dealt[name])))
        for name, site in trained.items()
    }
    return {**sites, **changed}


def _shared(labels: Sequence[Labels]) -> Labels:
    entities = _in_all([each.entities for each in labels])
    marked = _in_all([each.marked for each in labels])
    if not entities:
        raise ValueError("found no type that all sites annotate, expected one at least")
    return Labels(
        entities,
        _in_all([each.relations for each in labels]),
        tuple(type_ for type_ in marked if type_ in MAIN_TYPES and type_ not in entities),
    )


def _in_all(lists: Sequence[Sequence[str]]) -> tuple[str, ...]:
    return tuple(type_ for type_ in lists[0] if all(type_ in each for each in lists))


def _moved(note: Note, origin: str, site: str) -> Note:
    # Two origins may number their notes alike, and their patients.
    patient = None if note.patient is None else f"{origin}-{note.patient}"
    return replace(note, site=site, id=f"{origin}-{note.id}", patient=patient)


def _parts_of(origin: str, names: Sequence[str], settings: Deal) -> Sequence[float]:
    if settings.concentration == 0:
        return [float(name == origin) for name in names]
    rng = np.random.default_rng([settings.seed, *origin.encode()])
    parts: list[float] = rng.dirichlet(np.full(len(names), settings.concentration)).tolist()
    return parts


def _dealt(site: Site, parts: Sequence[float]) -> list[tuple[str, list[tuple[Note, ...]]]]:
    ends = np.cumsum([0.0, *parts])
    dealt = []
    for split in [split for split in _SPLITS if split in site.notes.splits]:
        notes = in_hash_order(site.notes.splits[split])
        # The last end is one but for rounding.
        bounds = [round(end * len(notes)) for end in ends[:-1]] + [len(notes)]
        dealt.append((split, [notes[a:b] for a, b in pairwise(bounds)]))
    return dealt


def _frozen(splits: dict[str, list[Note]]) -> dict[str, tuple[Note, ...]]:
    return {split: tuple(notes) for split, notes in splits.items()}


CHANGE = ChangeKind(Deal, _apply)
