"""A site that annotates less: other types are unknown there, not absent."""

from dataclasses import dataclass, replace

from fedmedlora.clinical.notes import Labels
from fedmedlora.study.change import ChangeKind, Sites, require_site
from fedmedlora.synthetic.annotation import annotated_as


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotate:
    """Which types are left.

    Attributes:
        site: The site.
        entities: Of what it annotates, these; none is all.
        relations: Whether it goes on to annotate relations, and with them modifiers.
    """

    site: str
    entities: tuple[str, ...] = ()
    relations: bool = True


def _apply(sites: Sites, settings: Annotate) -> Sites:
    site = require_site(sites, settings.site)
    had = site.notes.labels
    if strange := sorted(set(settings.entities) - set(had.entities)):
        raise ValueError(f"found {', '.join(strange)}, which {settings.site} does not annotate")
    labels = Labels(settings.entities or had.entities, had.relations if settings.relations else ())
    splits = {
        split: tuple(annotated_as(note, labels) for note in notes)
        for split, notes in site.notes.splits.items()
    }
    changed = replace(site.notes, labels=labels, splits=splits)
    return {**sites, settings.site: replace(site, notes=changed)}


CHANGE = ChangeKind(Annotate, _apply)
