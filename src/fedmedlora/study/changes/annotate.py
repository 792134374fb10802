"""Sites that annotate less: other types are unknown there, not absent."""

from dataclasses import dataclass, replace

from fedmedlora.clinical.notes import Labels
from fedmedlora.study.change import ChangeKind, Site, Sites, require_site
from fedmedlora.synthetic.annotation import annotated_as


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotate:
    """Which types are left, where.

    Attributes:
        sites: The sites; none is all.
        entities: Of what they annotate, these; none is all.
        relations: Whether they go on to annotate relations, and with them modifiers.
    """

    sites: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    relations: bool = True


def _apply(sites: Sites, settings: Annotate) -> Sites:
    chosen = {name: require_site(sites, name) for name in settings.sites} or sites
    return {**sites, **{name: _with_less(site, settings) for name, site in chosen.items()}}


def _with_less(site: Site, settings: Annotate) -> Site:
    had = site.notes.labels
    labels = Labels(
        tuple(t for t in had.entities if not settings.entities or t in settings.entities),
        had.relations if settings.relations else (),
    )
    splits = {
        split: tuple(annotated_as(note, labels) for note in notes)
        for split, notes in site.notes.splits.items()
    }
    return replace(site, notes=replace(site.notes, labels=labels, splits=splits))


CHANGE = ChangeKind(Annotate, _apply)
