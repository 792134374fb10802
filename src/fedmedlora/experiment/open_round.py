"""A round that is under way: what it is of, and what it starts from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fedmedlora.adapters.low_rank import narrow
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.experiment.arms import Arm
from fedmedlora.experiment.private_arms import is_private, private_plan
from fedmedlora.experiment.schema import Experiment
from fedmedlora.experiment.sealing import run_of
from fedmedlora.experiment.spool import site_plans, update_keys
from fedmedlora.experiment.store import RunStore
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.federation.blind import Stayed, local_model
from fedmedlora.federation.clipping import Clipped, Limits, clipped
from fedmedlora.federation.engine import Engine
from fedmedlora.federation.notary import Notary
from fedmedlora.federation.updates import SiteUpdate

LEAST_SITES = 2
"""A sum of fewer is somebody's update."""
_NO_LIMITS = Limits(norm_factor=1.0, largest_rms=1e30)


@dataclass(frozen=True, slots=True)
class OpenRound:
    """A round that is under way.

    Attributes:
        shifts: Site to its shift against the other training sites.
        before: sha256 of what the sites are sent: the global adapter and what accompanies it.
        memory: sha256 of what the server kept beside it, None where it kept nothing.
        memories: Site to the sha256 of what it kept itself, of those that kept something.
        notary: Checks what sites signed, and seals the round.
        accepted: By kind, the norms of the updates of the arm's rounds before.
        most_tokens: Site to the label tokens that it enrolled with; None where nobody enrolled.
    """

    arm: Arm
    experiment: Experiment
    engine: Engine
    store: RunStore
    shifts: Mapping[str, float]
    round_index: int
    before: str
    memory: str | None
    memories: dict[str, str]
    notary: Notary
    accepted: Mapping[str, Sequence[float]] = field(default_factory=dict)
    most_tokens: Mapping[str, int] | None = None

    @property
    def run(self) -> str:
        """Return by what signed documents name the arm, "" where nothing is signed."""
        return run_of(self.arm, self.notary)

    @property
    def codec(self) -> str:
        """Return how updates and adapters are written."""
        return self.experiment.communication.codec if self.arm.is_together else "float32"

    def plans(self) -> dict[str, LocalPlan]:
        """Return every participant's plan, by name."""
        private = {
            one.name: private_plan(self.experiment, self.arm, one.name)
            for one in self.arm.participants
        }
        return site_plans(
            self.arm,
            self.experiment.seed,
            self.round_index,
            self.memories,
            codec=self.codec,
            run=self.run,
            limits=self.limits if self.is_blind else None,
            private=private,
        )

    @property
    def quorum(self) -> int:
        """Return the fewest sites with a usable update; a sum of fewer than two hides nothing."""
        least = min(self.experiment.quorum, len(self.arm.participants))
        return max(least, LEAST_SITES) if self.is_blind else least

    @property
    def is_blind(self) -> bool:
        """Return whether updates stay at their sites; where nothing travels there is no sum."""
        several = self.arm.is_together and self.arm.kind != "personalised"
        return several and self.experiment.aggregation.sees == "sum"

    def expected(self, start: AdapterWeights) -> dict[str, AdapterWeights]:
        """Return tensors with the names and shapes of what each participant has to send."""
        if self.is_blind:
            return {one.name: {} for one in self.arm.participants}
        whole = self.arm.strategy.local.expected(start, self.round_index)
        return {one.name: narrow(whole, one.rank) for one in self.arm.participants}

    @property
    def limits(self) -> Limits:
        """Return how far an update may go."""
        if self.experiment.privacy.mode == "site" and is_private(self.arm):
            # A bound that follows from other sites' updates would let one site move them all.
            return _NO_LIMITS
        return self.experiment.admission.limits()

    def clipped(self, updates: Sequence[SiteUpdate]) -> Clipped:
        """Return updates none of which goes too far, and what was measured."""
        if self.limits is _NO_LIMITS:
            return clipped(updates, _NO_LIMITS, accepted={}, scalings={})
        scalings = {one.name: one.scaling for one in self.arm.participants}
        return clipped(updates, self.limits, accepted=self.accepted, scalings=scalings)

    def local_model(self, bundle: AdapterWeights, update: SiteUpdate) -> AdapterWeights:
        """Return the model a site had after training, as the server can know it.

        Args:
            bundle: What the sites received.
        """
        return local_model(bundle, update.delta, self._rank(update.report.site))

    def stayed(self) -> dict[str, Stayed]:
        """Return the updates that stayed at their sites, by site, as they were told of."""
        rows = [self.store.site_update(key) for key in self.keys().values()]
        told = {row["site"]: row["stays"] for row in rows if row and row.get("stays")}
        return {site: Stayed(site, told[site], self._rank(site)) for site in told}

    def _rank(self, site: str) -> int | None:
        (rank,) = (one.rank for one in self.arm.participants if one.name == site)
        return rank

    def keys(self) -> dict[str, str]:
        """Return under what each participant's update is kept, by name."""
        return update_keys(self.arm, self.plans(), self.before)
