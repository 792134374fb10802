"""Sites that annotate relations alone: their main entities are given as heads."""

from dataclasses import dataclass, replace

from fedmedlora.clinical.labels import MAIN_TYPES
from fedmedlora.clinical.notes import Labels
from fedmedlora.study.change import ChangeKind, Site, Sites, require_site


@dataclass(frozen=True, slots=True, kw_only=True)
class Give:
    """Where main entities are given, and neither learnt nor scored.

    Attributes:
        sites: The sites; none is all.
    """

    sites: tuple[str, ...] = ()


def _apply(sites: Sites, settings: Give) -> Sites:
    chosen = {name: require_site(sites, name) for name in settings.sites} or sites
    return {**sites, **{name: _given(site) for name, site in chosen.items()}}


def _given(site: Site) -> Site:
    had = site.notes.labels
    if not had.relations:
        raise ValueError(f"found no relations at {site.notes.name}, expected some")
    entities = tuple(type_ for type_ in had.entities if type_ not in MAIN_TYPES)
    heads = tuple(type_ for type_ in MAIN_TYPES if type_ in had.marked)
    return replace(site, notes=replace(site.notes, labels=Labels(entities, had.relations, heads)))


CHANGE = ChangeKind(Give, _apply)
