"""Sites that annotate less: other types are unknown there, not absent."""

from dataclasses import dataclass, replace

from fedmedlora.clinical.labels import CROSS_RELATIONS, MAIN_TYPES
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
    known = {type_ for site in chosen.values() for type_ in site.notes.labels.entities}
    if strange := sorted(set(settings.entities) - known):
        raise ValueError(f"found {strange[0]!r}, expected types that one of the sites annotates")
    return {**sites, **{name: _with_less(site, settings) for name, site in chosen.items()}}


def _with_less(site: Site, settings: Annotate) -> Site:
    labels = _left(site.notes.labels, settings)
    if not labels.entities:
        expected = "some of what it annotates"
        raise ValueError(f"found no type left at {site.notes.name}, expected {expected}")
    splits = {
        split: tuple(annotated_as(note, labels) for note in notes)
        for split, notes in site.notes.splits.items()
    }
    return replace(site, notes=replace(site.notes, labels=labels, splits=splits))


def _left(had: Labels, settings: Annotate) -> Labels:
    """Return what is annotated then; a modifier is, where its relation is, and the other way."""
    entities = [t for t in had.entities if not settings.entities or t in settings.entities]
    if not settings.relations:
        return Labels(tuple(t for t in entities if t in MAIN_TYPES), ())
    known = {*entities, *CROSS_RELATIONS}
    return Labels(tuple(entities), tuple(t for t in had.relations if t in known))


CHANGE = ChangeKind(Annotate, _apply)
