"""What a codec loses is not lost: it is added to what is sent next.

    sent = decode(encode(change + e)),    e  <-  change + e - sent

with e zero at first, kept by the sender. So over the rounds what arrives adds up to what was meant,
but for the last e. A codec that loses nothing keeps no e.

Source: Seide et al. 2014, 1-Bit Stochastic Gradient Descent, Interspeech; Karimireddy et al. 2019,
Error Feedback Fixes SignSGD (arXiv 1901.09847), Algorithm 2.
"""

from dataclasses import dataclass, field

from fedmedlora.adapters.kinds import as_kinds, of_kind
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.adapters.wire import codecs, encode_update, read_update

_KIND = "error"


@dataclass(frozen=True, slots=True)
class Coded:
    """Tensors on their way.

    Attributes:
        payload: The bytes that travel.
        memory: What the sender keeps for the next time.
    """

    payload: bytes
    memory: AdapterWeights = field(default_factory=dict)

    def arrived(self) -> AdapterWeights:
        """Return the tensors as whoever gets the bytes has them."""
        return read_update(self.payload)


def coded(tensors: AdapterWeights, memory: AdapterWeights, codec: str) -> Coded:
    """Return tensors as they are sent, what was lost before added to them.

    Args:
        memory: What the sender kept.
    """
    if not codecs()[codec].lossy:
        return Coded(encode_update(tensors, codec))
    before = of_kind(memory, _KIND)
    meant = {n: tensors[n] + before[n] if n in before else tensors[n] for n in sorted(tensors)}
    sent = Coded(encode_update(meant, codec))
    arrived = sent.arrived()
    left = {name: meant[name] - arrived[name] for name in meant}
    return Coded(sent.payload, as_kinds(**{_KIND: {**before, **left}}))
