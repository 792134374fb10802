"""One more site, as one of another kind."""

from dataclasses import dataclass
from pathlib import Path

from fedmedlora.formats.site_folder import read_site
from fedmedlora.sites import SiteRole
from fedmedlora.study.change import ChangeKind, Site, Sites


@dataclass(frozen=True, slots=True, kw_only=True)
class Add:
    """Which.

    Attributes:
        path: Its folder; a relative one starts where the study's file lies.
        role: The part it plays.
        max_sentences: Of its training notes at most.
        max_heads: For so many findings at most training asks what belongs to them.
    """

    path: Path
    role: SiteRole = "train"
    max_sentences: int | None = None
    max_heads: int | None = None


def _apply(sites: Sites, settings: Add) -> Sites:
    notes = read_site(settings.path)
    if notes.name in sites:
        raise ValueError(f"found {notes.name!r} twice, expected another site")
    limits = {"max_sentences": settings.max_sentences, "max_heads": settings.max_heads}
    said = {key: value for key, value in limits.items() if value is not None}
    return {**sites, notes.name: Site(notes, {"role": settings.role, **said})}


CHANGE = ChangeKind(Add, _apply)
