"""What a change of sites is: sites in, sites out, the same for the same seed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedmedlora.clinical.notes import SiteNotes
from fedmedlora.formats.site_folder import read_site
from fedmedlora.registry import members
from fedmedlora.study import changes

Entry = Mapping[str, object]
"""What an experiment says of a site, but for where its folder is."""


@dataclass(frozen=True, slots=True)
class Site:
    """A site of a cell: its notes, and what the experiment says of it."""

    notes: SiteNotes
    entry: Entry

    @property
    def is_trained(self) -> bool:
        """Return whether it trains from the start."""
        return self.entry.get("role", "train") == "train"


Sites = Mapping[str, Site]


@dataclass(frozen=True, slots=True)
class ChangeKind:
    """How sites are changed.

    Attributes:
        settings: The dataclass of what it can be told.
        apply: From sites by name and the settings to sites by name. Raises ValueError with what was
            found and expected where the sites do not allow it.
    """

    settings: type[Any]
    apply: Callable[[Sites, Any], Sites]


def change_kinds() -> Mapping[str, ChangeKind]:
    """Return every kind of change by the name of its file."""
    return members(changes, "CHANGE")


def read_entry(entry: Mapping[str, Any], *, read: Callable[..., SiteNotes] = read_site) -> Site:
    """Return the site of an entry with its `path`; one of the server needs no training notes.

    Raises:
        InputError: Its folder holds no right site.
    """
    required = ("dev",) if entry.get("role") == "server" else ("train", "dev")
    own = {key: value for key, value in entry.items() if key != "path"}
    return Site(read(Path(entry["path"]), required=required), own)


def require_site(sites: Sites, name: str) -> Site:
    """Return a site by name.

    Raises:
        ValueError: There is none of that name.
    """
    if name not in sites:
        raise ValueError(f"found no site {name!r}, expected one of {', '.join(sites)}")
    return sites[name]
