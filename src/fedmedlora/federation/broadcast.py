"""What the server sends after a round: what the round changed, in the experiment's codec.

Where the codec loses something, the sites hold another adapter than was meant; then theirs is the
global adapter from there on, scored, kept and started from, and what it lacks goes with the next.
Patches of the base travel as they are: each goes once, and nothing could make good what is lost.
"""

from dataclasses import dataclass

import numpy as np

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.adapters.wire import codecs, num_bytes
from fedmedlora.federation.error_feedback import coded
from fedmedlora.federation.patches import patches


@dataclass(frozen=True, slots=True)
class Broadcast:
    """What every site has after a round.

    Attributes:
        bundle: The global adapter and what accompanies it.
        memory: What the server keeps of what was lost.
        num_bytes: Of what goes to each site.
    """

    bundle: AdapterWeights
    memory: AdapterWeights
    num_bytes: int


def broadcast(
    received: AdapterWeights, meant: AdapterWeights, memory: AdapterWeights, codec: str
) -> Broadcast:
    """Return what the sites have once they got what a round changed.

    Args:
        received: What they had before.
        meant: What the round came to.
        memory: What the server kept from before.
    """
    whole = {name: meant[name] for name in patches(meant) if name not in received}
    news = {
        name: meant[name]
        for name in sorted(meant)
        if name not in whole and _differs(received.get(name), meant[name])
    }
    beside = num_bytes(whole, "float32") if whole else 0
    if not codecs()[codec].lossy:
        return Broadcast(meant, {}, beside + num_bytes(news, codec))
    zero = np.float32(0)
    change = {name: news[name] - received.get(name, zero) for name in news}
    sent = coded(change, memory, codec)
    arrived = sent.arrived()
    theirs = {name: received.get(name, zero) + arrived[name] for name in news}
    return Broadcast({**meant, **theirs}, sent.memory, beside + len(sent.payload))


def _differs(before: object, after: object) -> bool:
    return before is None or not np.array_equal(before, after)  # type: ignore[arg-type]
