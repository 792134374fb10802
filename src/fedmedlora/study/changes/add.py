"""One more site, as one of another kind."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

from fedmedlora.ranges import at_least
from fedmedlora.sites import SiteRole
from fedmedlora.study.change import ChangeKind, Sites, read_entry

_Count = Annotated[int, at_least(1)]


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
    max_sentences: _Count | None = None
    max_heads: _Count | None = None


def _apply(sites: Sites, settings: Add) -> Sites:
    said = {key: value for key, value in asdict(settings).items() if value is not None}
    site = read_entry(said)
    if site.notes.name in sites:
        raise ValueError(f"found {site.notes.name!r} twice, expected another site")
    return {**sites, site.notes.name: site}


CHANGE = ChangeKind(Add, _apply)
