"""Whoever can say later who sent what and what was made of it; nobody, unless one is asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.federation.site_round import Sent


@dataclass(frozen=True, slots=True)
class Claim:
    """What came in under a site's name.

    Attributes:
        site: The name.
        run: What the round is of, as the site's plan has it.
        sent: What it says; `delta` and `num_bytes` tell of the bytes that came.
        delta: Their sha256.
    """

    site: str
    run: str
    round_index: int
    num_tokens: int
    base: str
    start: str
    delta: str
    num_bytes: int
    manifest: str
    consent: str


@dataclass(frozen=True, slots=True)
class Closed:
    """A round that is closed, or a run.

    Attributes:
        run: By what signed documents name its arm.
        round_index: From 1, each after the one before.
        document: What the run keeps of it.
        journal: Head of the run's journal with that document in it, in hex.
    """

    run: str
    arm: str
    round_index: int
    document: Mapping[str, Any]
    journal: str


class Notary(Protocol):
    """Whoever checks what sites sign, and signs and seals each round."""

    def run_of(self, arm: str) -> str:
        """Return by what manifests name an arm of this run, "" where nothing is signed."""
        ...

    def attested(self, site: str, sent: Sent, plan: LocalPlan) -> Sent:
        """Return what a site sent, signed where this machine signs for it."""
        ...

    def admit(self, claim: Claim) -> None:
        """Let an update pass that its site has signed, and record its digest.

        Raises:
            AdmissionError: It is not what the site signed, or the site may not take part.
            LedgerError: The ledger cannot be written or reached.
        """
        ...

    def seal(self, closed: Closed, *, before: str) -> dict[str, Any]:
        """Return the signed record of a round that is sealed, and the head that sites are shown.

        Nothing is sealed of a run that has no name. The same again gives the same.

        Args:
            before: The head of what was sealed before, "" for the first.

        Raises:
            LedgerError: The ledger cannot be written or reached.
        """
        ...

    def witnessed(self, heads: Sequence[str]) -> dict[str, str]:
        """Return the last of all heads with each site's signature, of those that took them.

        Raises:
            LedgerError: A site was shown another history.
        """
        ...


class NoNotary:
    """Nobody: nothing is signed, everything passes, nothing is sealed."""

    def run_of(self, arm: str) -> str:
        """Return "": nothing is signed."""
        del arm
        return ""

    def attested(self, site: str, sent: Sent, plan: LocalPlan) -> Sent:
        """Return what a site sent, as it is."""
        del site, plan
        return sent

    def admit(self, claim: Claim) -> None:
        """Let everything pass."""

    def seal(self, closed: Closed, *, before: str) -> dict[str, Any]:
        """Return nothing: what has no name is not sealed."""
        del closed, before
        return {}

    def witnessed(self, heads: Sequence[str]) -> dict[str, str]:
        """Return nobody's signature."""
        del heads
        return {}


NOBODY = NoNotary()
