"""Rounds in which the server sees the sum of the updates and none of them.

An update stays at its site under its digest, which is told before anything else is: what is scored,
encrypted or shown later is what that digest names. How an encrypted sum is formed and opened is the
engine's part.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fedmedlora.adapters.kinds import plain
from fedmedlora.adapters.low_rank import narrow, widen
from fedmedlora.adapters.weights import AdapterWeights, moved
from fedmedlora.federation.patches import patches


@dataclass(frozen=True, slots=True)
class Stayed:
    """An update that stayed where it was made.

    Attributes:
        sha256: Of its tensors as an adapter's file.
        rank: The site's LoRA rank; None is the federation's.
    """

    site: str
    sha256: str
    rank: int | None = None


class BlindSites(Protocol):
    """What a server that sees sums alone asks the sites for.

    A site that does not answer is left out; one that says why has that in place of an answer.
    """

    def losses(self, stayed: Sequence[Stayed], bundle: AdapterWeights) -> Mapping[str, float]:
        """Return the loss of each site's own adapter on its copy of the server's notes.

        Args:
            bundle: What the sites received.
        """
        ...

    def sealed(
        self, stayed: Sequence[Stayed], bundle: AdapterWeights, folder: Path
    ) -> Iterator[tuple[str, Path | str]]:
        """Yield each site with the file of its encrypted update, or why there is none.

        Args:
            stayed: Every update that may be in the sum.
            bundle: What the sites received; a tensor is widened to its rank.
            folder: Where files are put; they are the caller's.
        """
        ...

    def opened(
        self, total: Path, stayed: Sequence[Stayed], bundle: AdapterWeights
    ) -> Iterator[tuple[str, str | None]]:
        """Yield each site with the digest of what it finds in an encrypted sum, None where nothing.

        Args:
            stayed: The updates that are in it.
        """
        ...

    def told(self, site: str, sha256: str) -> AdapterWeights | None:
        """Return what a site found in a sum, None where it does not answer."""
        ...

    def shown(self, one: Stayed) -> AdapterWeights | None:
        """Return an update that stayed at its site, to be looked at; None where it is not shown."""
        ...


def local_model(bundle: AdapterWeights, delta: AdapterWeights, rank: int | None) -> AdapterWeights:
    """Return the model a site had after training, as can be known from what it sends.

    Args:
        bundle: What the site received.
        rank: Its LoRA rank; None is the federation's.
    """
    adapter = plain(bundle)
    local = moved(narrow(adapter, rank), plain(delta))
    return {**patches(bundle), **widen(local, adapter)}
