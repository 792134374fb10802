"""Each training site cut into several, which share its notes."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated

from fedmedlora.evaluation.cohorts import in_hash_order
from fedmedlora.ranges import at_least
from fedmedlora.study.change import ChangeKind, Site, Sites


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Into how many.

    Attributes:
        into: Parts of each training site.
    """

    into: Annotated[int, at_least(2)]


def _apply(sites: Sites, settings: Split) -> Sites:
    parted: dict[str, Site] = {}
    for name, site in sites.items():
        parts = dict(_parts(name, site, settings.into)) if site.is_trained else {name: site}
        if twice := sorted(parts.keys() & parted.keys()):
            raise ValueError(f"found {twice[0]!r} twice, expected a name for each site")
        parted |= parts
    return parted


def _parts(name: str, site: Site, into: int) -> Iterator[tuple[str, Site]]:
    for split, notes in site.notes.splits.items():
        if len(notes) < into and split != "extra":
            raise ValueError(f"found {len(notes)} {split} notes at {name}, expected {into} or more")
    for index in range(into):
        part = f"{name}_{index + 1}"
        splits = {
            split: tuple(replace(note, site=part) for note in in_hash_order(notes)[index::into])
            for split, notes in site.notes.splits.items()
        }
        yield part, replace(site, notes=replace(site.notes, name=part, splits=splits))


CHANGE = ChangeKind(Split, _apply)
