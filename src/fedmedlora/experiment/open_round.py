"""A round that is under way: what it is of, and what it starts from."""

from collections.abc import Mapping
from dataclasses import dataclass

from fedmedlora.adapters.kinds import plain
from fedmedlora.adapters.low_rank import narrow, widen
from fedmedlora.adapters.weights import AdapterWeights, moved
from fedmedlora.experiment.arms import Arm
from fedmedlora.experiment.schema import Experiment
from fedmedlora.experiment.spool import site_plans, update_keys
from fedmedlora.experiment.store import RunStore
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.federation.engine import Engine
from fedmedlora.federation.patches import patches
from fedmedlora.federation.updates import SiteUpdate


@dataclass(frozen=True, slots=True)
class OpenRound:
    """A round that is under way.

    Attributes:
        shifts: Site to its shift against the other training sites.
        before: sha256 of what the sites are sent: the global adapter and what accompanies it.
        memory: sha256 of what the server kept beside it, None where it kept nothing.
        memories: Site to the sha256 of what it kept itself, of those that kept something.
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

    @property
    def codec(self) -> str:
        """Return how updates and adapters are written; whoever is alone sends nothing anywhere."""
        together = len(self.arm.participants) > 1
        return self.experiment.communication.codec if together else "float32"

    def plans(self) -> dict[str, LocalPlan]:
        """Return every participant's plan, by name."""
        seed, memories = self.experiment.seed, self.memories
        return site_plans(self.arm, seed, self.round_index, memories, codec=self.codec)

    def expected(self, start: AdapterWeights) -> dict[str, AdapterWeights]:
        """Return tensors with the names and shapes of what each participant has to send."""
        whole = self.arm.strategy.local.expected(start, self.round_index)
        return {one.name: narrow(whole, one.rank) for one in self.arm.participants}

    def local_model(self, bundle: AdapterWeights, update: SiteUpdate) -> AdapterWeights:
        """Return the model a site had after training, as the server can know it.

        Args:
            bundle: What the sites received.
        """
        (rank,) = (p.rank for p in self.arm.participants if p.name == update.report.site)
        adapter = plain(bundle)
        local = moved(narrow(adapter, rank), plain(update.delta))
        return {**patches(bundle), **widen(local, adapter)}

    def keys(self) -> dict[str, str]:
        """Return under what each participant's update is kept, by name."""
        return update_keys(self.arm, self.plans(), self.before)
