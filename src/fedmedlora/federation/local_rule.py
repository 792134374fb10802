"""What a method changes in the training at a site.

    gradient of w  <-  gradient + offset_w + mu (w - w_start)

FedProx is a mu alone, SCAFFOLD an offset alone, and what stays frozen is not trained at all. What a
site keeps for its next round is its memory; it never leaves the site.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from fedmedlora.adapters.kinds import as_kinds
from fedmedlora.adapters.weights import AdapterWeights

Part = Literal["shared", "frozen", "own"]
"""What becomes of a tensor: trained and sent; left alone; trained and kept at the site."""


def all_shared(round_index: int, name: str) -> Part:
    """Return that a tensor is trained and sent, whichever it is."""
    del round_index, name
    return "shared"


@dataclass(frozen=True, slots=True)
class Finished:
    """A training that has ended.

    Attributes:
        received: What the site was sent: the global adapter and what accompanies it.
        memory: What the site kept from before.
        gradient: Mean of the site's own gradients over its steps, by trained tensor.
    """

    received: AdapterWeights
    memory: AdapterWeights
    gradient: AdapterWeights


@dataclass(frozen=True, slots=True)
class Kept:
    """What a method makes of it, beside the change of the adapter.

    Attributes:
        sent: Companions that travel with the change.
        memory: What the site keeps for the next round.
    """

    sent: AdapterWeights = field(default_factory=dict)
    memory: AdapterWeights = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LocalRule:
    """What a method changes at a site; nothing by default.

    Attributes:
        part: From the round, from 1, and the name of a tensor to what becomes of it.
        proximal: mu.
        offset: From what is received and the memory to what is added to each gradient.
        conclude: What is made of the gradients; None where nobody needs them.
        companions: Kinds of tensors that travel with the change, one of each to a tensor of it.
    """

    part: Callable[[int, str], Part] = all_shared
    proximal: float = 0.0
    offset: Callable[[AdapterWeights, AdapterWeights], AdapterWeights] | None = None
    conclude: Callable[[Finished], Kept] | None = None
    companions: tuple[str, ...] = ()

    def shared(self, start: AdapterWeights, round_index: int) -> AdapterWeights:
        """Return the tensors of a global adapter that travel in a round."""
        return {name: start[name] for name in start if self.part(round_index, name) == "shared"}

    def owns(self, start: AdapterWeights) -> bool:
        """Return whether sites keep tensors to themselves, so that none can read without."""
        return any(self.part(1, name) == "own" for name in start)

    def readers(
        self, start: AdapterWeights, memories: Mapping[str, str], sites: Sequence[str]
    ) -> tuple[list[str], Mapping[str, str]]:
        """Return who can read with a global adapter, and the memories whose tensors they need.

        Args:
            memories: Site to the sha256 of what it kept, of those that kept something.
        """
        if not self.owns(start):
            return list(sites), {}
        return [site for site in sites if site in memories], memories

    def expected(self, start: AdapterWeights, round_index: int) -> AdapterWeights:
        """Return tensors with the names and shapes of what a site has to send."""
        shared = self.shared(start, round_index)
        return {**shared, **as_kinds(**dict.fromkeys(self.companions, shared))}


UNCHANGED = LocalRule()
