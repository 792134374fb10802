"""Fewer training sites; those that do not train stay."""

from dataclasses import dataclass
from typing import Annotated

from fedmedlora.ranges import Rule
from fedmedlora.study.change import ChangeKind, Sites, require_site

_SOME = Rule("with at least one item", lambda items: len(items) > 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """Which.

    Attributes:
        sites: The training sites that are left.
    """

    sites: Annotated[tuple[str, ...], _SOME]


def _apply(sites: Sites, settings: Keep) -> Sites:
    for name in settings.sites:
        if not require_site(sites, name).is_trained:
            raise ValueError(f"found {name!r}, expected a training site")
    return {
        name: site for name, site in sites.items() if name in settings.sites or not site.is_trained
    }


CHANGE = ChangeKind(Keep, _apply)
