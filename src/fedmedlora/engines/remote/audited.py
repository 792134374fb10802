"""What either end has to do with signed rounds; nothing, unless `attesting` does it for them."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from fedmedlora.engines.remote.messages import Failure, Transport
from fedmedlora.engines.remote.plain_values import Plain
from fedmedlora.evaluation.cohorts import SiteFacts
from fedmedlora.experiment.schema import Experiment
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.federation.notary import NOBODY, Notary
from fedmedlora.federation.site_round import Sent


class Signing(Protocol):
    """A site that can sign."""

    def enrolled(
        self, ledger: Plain, site: SiteFacts, experiment: Experiment, *, label_tokens: int
    ) -> Plain:
        """Return what a site hands in to come in; from then on it signs for that ledger."""
        ...

    def attested(self, sent: Sent, plan: LocalPlan) -> Sent:
        """Return what the site sends with its signatures.

        Raises:
            EngineError: It has not come in.
        """
        ...

    def witness(self, heads: Sequence[str]) -> str:
        """Return the last of all heads under the site's signature; all are kept.

        Raises:
            EngineError: It was shown another history.
        """
        ...


class Auditing(Protocol):
    """A coordinator that has a ledger, or none."""

    @property
    def told(self) -> Plain | None:
        """Return what sites are told of the ledger, None where there is none."""
        ...

    def notary(
        self, transport: Transport, opened: Mapping[str, Plain], *, wait_s: float
    ) -> tuple[Notary, dict[str, Failure]]:
        """Return who checks what sites sign, and why some sites cannot come in.

        Args:
            opened: What those say whose base model is loaded.
        """
        ...


class NotAudited:
    """A coordinator without a ledger."""

    told = None

    def notary(
        self, transport: Transport, opened: Mapping[str, Plain], *, wait_s: float
    ) -> tuple[Notary, dict[str, Failure]]:
        """Return nobody, and that everybody may come in."""
        del transport, opened, wait_s
        return NOBODY, {}


NOT_AUDITED: AbstractContextManager[Auditing] = nullcontext(NotAudited())
