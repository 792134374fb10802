"""A site whose annotation is wrong in part: missed, cut wrongly, or of another type."""

from dataclasses import dataclass, replace
from typing import Annotated

from fedmedlora.ranges import above, at_most
from fedmedlora.study.change import ChangeKind, Sites, require_site
from fedmedlora.synthetic.noise import with_noise

_SPLITS = ("train", "dev")
"""What people are scored on stays right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """How much of it is wrong.

    Attributes:
        site: The site.
        share: Chance of each entity of its train and dev notes to be annotated wrongly.
    """

    site: str
    share: Annotated[float, above(0), at_most(1)]


def _apply(sites: Sites, settings: Noise) -> Sites:
    site = require_site(sites, settings.site)
    notes = site.notes
    wrong = {
        split: tuple(
            with_noise(note, notes.labels, share=settings.share, seed=f"{note.id} noise")
            for note in notes.splits.get(split, ())
        )
        for split in _SPLITS
    }
    changed = replace(notes, splits={**notes.splits, **wrong})
    return {**sites, settings.site: replace(site, notes=changed)}


CHANGE = ChangeKind(Noise, _apply)
