"""What a run proves of itself: its section `[audit]`."""

import re
from dataclasses import dataclass
from typing import Annotated

from fedmedlora.errors import Fault
from fedmedlora.ranges import Rule

_LEDGER = Rule(
    '"none", "embedded" or the http address of a node',
    lambda text: (
        text in ("none", "embedded") or re.match(r"https?://[\w.:\[\]-]+", text) is not None
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What can be proved of a run later, see docs/guide/audit.md.

    Attributes:
        ledger: "none" proves nothing; "embedded" has sites sign what they hand in and seals every
            round on a chain in the run's folder; the address of a JSON-RPC node does so there.
        keep_updates: Whether every update stays in the run's folder, so that `audit verify` can add
            them up again; whoever can read that folder can read each site's change.
    """

    ledger: Annotated[str, _LEDGER] = "none"
    keep_updates: bool = False

    @property
    def is_on(self) -> bool:
        """Return whether anything is signed and sealed."""
        return self.ledger != "none"


def kept_for_nobody(ledger: str, keeps: bool) -> list[Fault]:  # noqa: FBT001 -- as it is read
    """Refuse to keep updates of a run of which nothing can be checked."""
    if ledger != "none" or not keeps:
        return []
    advice = "set a ledger, or leave the key out"
    return [Fault("[audit].keep_updates", 'true with ledger = "none"', "false", advice)]
