"""What checking a run found."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from fedmedlora.audit.documents import DocumentError
from fedmedlora.errors import FedMedLoRAError


@dataclass(slots=True)
class Verdict:
    """What was found.

    Attributes:
        faults: What is wrong and where, a sentence each; nothing where all is as it was sealed.
        counts: How much of what was checked.
        remarks: What could not be checked, is not sealed yet, or was revoked.
        keys: Who signs as whom: the coordinator and each site to their did:key, the last they had.
    """

    faults: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)

    def count(self, what: str) -> None:
        """Add one to what was checked."""
        self.counts[what] = self.counts.get(what, 0) + 1


@contextmanager
def guarded(verdict: Verdict, where: str) -> Iterator[None]:
    """Turn what goes wrong within the block into a fault."""
    try:
        yield
    except (FedMedLoRAError, DocumentError) as error:
        verdict.faults.append(f"{where}: {error}")
    except (LookupError, TypeError, ValueError) as error:
        verdict.faults.append(f"{where}: found something of another shape ({error!r})")
