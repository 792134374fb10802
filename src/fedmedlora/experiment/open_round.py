"""A round that is under way: what it is of, and what it starts from."""

from collections.abc import Mapping
from dataclasses import dataclass

from fedmedlora.experiment.arms import Arm
from fedmedlora.experiment.schema import Experiment
from fedmedlora.experiment.spool import site_plans, update_keys
from fedmedlora.experiment.store import RunStore
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.federation.engine import Engine


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

    def plans(self) -> dict[str, LocalPlan]:
        """Return every participant's plan, by name."""
        # Held whole, so that it can go to another process.
        kept = {site: dict(self.store.adapter(sha256)) for site, sha256 in self.memories.items()}
        return site_plans(self.arm, self.experiment.seed, self.round_index, kept)

    def keys(self) -> dict[str, str]:
        """Return under what each participant's update is kept, by name."""
        return update_keys(self.arm, self.plans(), self.before)
