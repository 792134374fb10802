"""Where rounds run: what a run asks of the sites, however they are reached."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.federation.blind import BlindSites
from fedmedlora.federation.broadcast import News
from fedmedlora.federation.site_round import Sent
from fedmedlora.federation.turns import Turn
from fedmedlora.reason_codes import ReasonCode
from fedmedlora.tasks.counts import NoteCounts, Part
from fedmedlora.tasks.tally import Tally

NOTHING_KEPT: Mapping[str, str] = MappingProxyType({})
SERVER = "server"
"""Where the server's own validation notes are asked for in place of a site's."""


@dataclass(frozen=True, slots=True)
class Participant:
    """One member of a federation: a site, or a stand-in that pools the notes of several.

    Attributes:
        sites: Whose notes it trains on; the centralised arm's only participant has them all.
        rank: Its LoRA rank; None is the federation's.
        scaling: Its alpha / rank over the federation's.
    """

    name: str
    sites: tuple[str, ...]
    rank: int | None = None
    scaling: float = 1.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one participant's training in a round.

    Attributes:
        sent: None where training failed.
        reason: Why it failed, "" where it did not.
        seconds: Wall time of the training.
        code: The kind of reason.
    """

    participant: Participant
    sent: Sent | None
    reason: str
    seconds: float
    code: ReasonCode = "absent"


@dataclass(frozen=True, slots=True)
class Scope:
    """What of each site is scored.

    Attributes:
        split: "dev" or "final".
        parts: What is asked of the notes.
        limit: At most so many notes, the first.
        num_shown: Windows of the site's training notes with their answers that the model is shown
            before each question.
        replicates: Bootstrap draws of the notes that are added up beside them.
        seed: What the draws follow from.
        confidence_bins: Bins of confidence in which the finds are counted, right or wrong; 0 counts
            none.
    """

    split: str
    parts: Sequence[Part]
    limit: int
    num_shown: int = 0
    replicates: int = 0
    seed: int = 0
    confidence_bins: int = 0


class Engine(Protocol):
    """Where rounds run. Notes never pass through it, only adapters, numbers and sums.

    `predictions` is the exception that the report needs, and public sites alone answer it.
    """

    base: str
    num_base_bytes: int
    dtype: str
    num_workers: int
    """How many arms may be under way at once; more than one only in threads that take turns."""
    turn: Turn

    def close(self) -> None:
        """Let go of what the engine holds; whoever waits for an answer gets an `EngineError`."""
        ...

    def peak_memory_bytes(self) -> int | None:
        """Return the most memory its processes have held, None where the system does not say."""
        ...

    def initial(self) -> AdapterWeights:
        """Return the adapter every arm starts from."""
        ...

    def train(
        self,
        participants: Sequence[Participant],
        start: AdapterWeights,
        plans: Mapping[str, LocalPlan],
    ) -> Iterator[Outcome]:
        """Yield each participant's outcome as it arrives."""
        ...

    def losses(self, questions: Sequence[tuple[AdapterWeights, str]]) -> list[float]:
        """Return each adapter's loss on the dev notes of a site, or on those of `SERVER`.

        Returns:
            Nats per label token, in the order of the questions.
        """
        ...

    def token_counts(self, site: str) -> NDArray[np.int64]:
        """Return how often a site's training notes use each token of the public vocabulary."""
        ...

    def label_tokens(self, site: str) -> int:
        """Return how many label tokens a site's training notes have in one pass."""
        ...

    def deliver(self, news: News, *, before: str, after: str) -> None:
        """Take what a round changed, for the sites that are asked next.

        Args:
            before: sha256 of what the sites had.
            after: sha256 of what they have once they got the news.
        """
        ...

    def evaluate(
        self,
        bundle: AdapterWeights,
        sites: Sequence[str],
        scope: Scope,
        *,
        memories: Mapping[str, str] = NOTHING_KEPT,
    ) -> Iterator[tuple[str, Tally]]:
        """Yield each site with the tally of its notes in the scope, as they arrive.

        Args:
            bundle: The global adapter and what accompanies it.
            memories: Site to the sha256 of what it kept, of those that read with tensors of their
                own.
        """
        ...

    def blind(self) -> BlindSites:
        """Return the sites as they are asked in rounds whose updates stay where they are."""
        ...

    def spent(self) -> Mapping[str, int]:
        """Return what reading has taken of somebody else so far, by name; as `Backbone` has it.

        Where it says anything, sites are read one after the other, each when it is asked for.
        """
        ...

    def shown(self, site: str, number: int) -> Mapping[str, int]:
        """Return how many windows and heads of a site a model is shown where so many are wanted."""
        ...

    def ceiling(self, site: str, split: str, *, limit: int) -> NoteCounts:
        """Return what a perfect model would reach in the experiment's formulation, all added."""
        ...

    def predictions(
        self, bundle: AdapterWeights, site: str, split: str, *, limit: int
    ) -> list[dict[str, object]]:
        """Return what the report draws: text, gold and findings of a public site's notes."""
        ...
