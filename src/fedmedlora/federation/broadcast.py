"""What the server sends after a round: what the round changed, in the experiment's codec.

Where the codec loses something, the sites hold another adapter than was meant; then theirs is the
global adapter from there on, scored, kept and started from, and what it lacks goes with the next.
Patches of the base travel as they are: each goes once, and nothing could make good what is lost.
"""

from dataclasses import dataclass

import numpy as np

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.adapters.wire import codecs, encode_update
from fedmedlora.federation.error_feedback import coded
from fedmedlora.federation.patches import patches


@dataclass(frozen=True, slots=True)
class News:
    """What a round changed, as it travels to every site.

    Attributes:
        payload: Tensors that changed: anew, or by how much they changed where a codec loses
            something.
        whole: Patches that came with the round; b"" where none did.
        by_change: Whether the payload is added to what a site has.
    """

    payload: bytes
    whole: bytes
    by_change: bool

    @property
    def num_bytes(self) -> int:
        """Return how many bytes go to each site."""
        return len(self.payload) + len(self.whole)


@dataclass(frozen=True, slots=True)
class Broadcast:
    """What every site has after a round.

    Attributes:
        bundle: The global adapter and what accompanies it.
        memory: What the server keeps of what was lost.
        news: What goes to each site.
    """

    bundle: AdapterWeights
    memory: AdapterWeights
    news: News


def broadcast(
    received: AdapterWeights, meant: AdapterWeights, memory: AdapterWeights, codec: str
) -> Broadcast:
    """Return what the sites have once they got what a round changed.

    Args:
        received: What they had before.
        meant: What the round came to.
        memory: What the server kept from before.
    """
    new = {name: meant[name] for name in patches(meant) if name not in received}
    changed = {
        name: meant[name]
        for name in sorted(meant)
        if name not in new and _differs(received.get(name), meant[name])
    }
    whole = encode_update(new, "float32") if new else b""
    if not codecs()[codec].lossy:
        news = News(encode_update(changed, codec), whole, by_change=False)
        return Broadcast(meant, {}, news)
    zero = np.float32(0)
    change = {name: changed[name] - received.get(name, zero) for name in changed}
    sent = coded(change, memory, codec)
    bundle = with_news(received, changed=sent.arrived(), whole=new, by_change=True)
    return Broadcast(bundle, sent.memory, News(sent.payload, whole, by_change=True))


def with_news(
    received: AdapterWeights,
    *,
    changed: AdapterWeights,
    whole: AdapterWeights,
    by_change: bool,
) -> AdapterWeights:
    """Return what a site has once it got what a round changed; see `News`.

    Args:
        received: What it had before.
        changed: The tensors of the payload.
        whole: The patches that came with it.
    """
    zero = np.float32(0)
    came = {n: received.get(n, zero) + changed[n] for n in changed} if by_change else changed
    return {**received, **whole, **came}


def _differs(before: object, after: object) -> bool:
    return before is None or not np.array_equal(before, after)  # type: ignore[arg-type]
