"""What a site hands in after a round, and what stands for a site that handed in nothing."""

from dataclasses import dataclass

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.reason_codes import ReasonCode


@dataclass(frozen=True, slots=True)
class SiteReport:
    """What a site says about its round: numbers only, no weights, no text.

    Attributes:
        site: Its name.
        round_index: The round it trained in, from 1.
        num_tokens: Label tokens it trained on in one pass.
        validation_loss: Loss of its adapter on the validation notes, in nats per label token.
        shift: How far its text is from that of the other sites, 0 to 1.
        start_loss: Loss of the adapter it was sent on its own dev notes, in nats per label token.
    """

    site: str
    round_index: int
    num_tokens: int
    validation_loss: float | None
    shift: float | None
    start_loss: float | None = None


@dataclass(frozen=True, slots=True)
class SiteUpdate:
    """What a site learnt in a round.

    Attributes:
        report: Its numbers.
        delta: Local adapter minus the global adapter it started from.
        base: sha256 of the base model it trained.
        start: sha256 of the global adapter it started from.
    """

    report: SiteReport
    delta: AdapterWeights
    base: str
    start: str


@dataclass(frozen=True, slots=True)
class Absence:
    """A site that does not take part in a round, and why: failed, timed out or refused.

    Attributes:
        reason: For a person to read.
        code: The kind of reason.
    """

    site: str
    reason: str
    code: ReasonCode = "absent"
