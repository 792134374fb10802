"""All sites in one process: one base model, adapters swapped."""

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Generic

import numpy as np
from numpy.typing import NDArray

from fedmedlora.adapters.shelves import Shelf
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.clinical.notes import Labels, Note
from fedmedlora.engines.blind import BlindHere
from fedmedlora.engines.units import in_units
from fedmedlora.errors import TrainingError
from fedmedlora.evaluation.calibration import counted
from fedmedlora.evaluation.cohorts import Cohort
from fedmedlora.evaluation.intervals import draws, tally
from fedmedlora.experiment.environment import peak_memory_bytes
from fedmedlora.federation.backbone import Backbone, LocalPlan
from fedmedlora.federation.broadcast import News
from fedmedlora.federation.engine import NOTHING_KEPT, SERVER, Outcome, Participant, Scope
from fedmedlora.federation.patches import model
from fedmedlora.federation.private_plan import Unit, Units
from fedmedlora.federation.shift import count_tokens
from fedmedlora.federation.site_round import read_with, site_round
from fedmedlora.federation.turns import Turn
from fedmedlora.privacy.ckks import Key
from fedmedlora.tasks.counts import NoteCounts
from fedmedlora.tasks.tally import Tally
from fedmedlora.tasks.task import Answer, ExampleT, Shown, Task, Tokenizer

# Whoever asks an endpoint loads no model code.
if TYPE_CHECKING:
    from fedmedlora.engines.private import PrivateSide


class LocalEngine(Generic[ExampleT]):
    """An engine for simulations, demos and studies: it holds the notes of every site."""

    def __init__(
        self,
        backbone: Backbone[ExampleT],
        task: Task[ExampleT, Any],
        cohorts: Mapping[str, Cohort],
        *,
        tokenizer: Tokenizer,
        vocabulary: Sequence[int],
        shelf: Shelf,
        blind_key: Key | None = None,
        private: "PrivateSide[ExampleT] | None" = None,
    ) -> None:
        self.base = backbone.digest
        self.num_base_bytes = backbone.num_bytes
        self.dtype = backbone.dtype
        self.num_workers = 1
        self.turn = Turn()
        self._backbone = backbone
        self._task = task
        self._cohorts = cohorts
        self._tokenizer = tokenizer
        self.num_counts = len(vocabulary) + 1
        self._vocabulary = vocabulary
        self._shelf, self._blind_key, self._private = shelf, blind_key, private
        self._training_examples = cache(self._make_training_examples)
        self._loss_examples = cache(self._make_loss_examples)
        self._shown = cache(self._make_shown)
        self._units = cache(self._make_units)

    def close(self) -> None:
        """Do nothing: all there is ends with this process."""

    def peak_memory_bytes(self) -> int | None:
        """Return the most memory this process has held."""
        return peak_memory_bytes()

    def initial(self) -> AdapterWeights:
        """Return the adapter every arm starts from."""
        return self._backbone.initial()

    def train(
        self,
        participants: Sequence[Participant],
        start: AdapterWeights,
        plans: Mapping[str, LocalPlan],
    ) -> Iterator[Outcome]:
        """Yield each participant's outcome, one after the other."""
        for participant in participants:
            began = time.monotonic()
            examples = [
                example for site in participant.sites for example in self._training_examples(site)
            ]
            try:
                plan = plans[participant.name]
                backbone = self._trainer(participant, plan)
                sent = site_round(backbone, start, examples, plan, self._shelf)
            except TrainingError as error:
                yield Outcome(participant, None, str(error), time.monotonic() - began)
            else:
                yield Outcome(participant, sent, "", time.monotonic() - began)

    def losses(self, questions: Sequence[tuple[AdapterWeights, str]]) -> list[float]:
        """Return each adapter's loss on a place's dev notes, in nats per label token."""
        return [
            self._backbone.loss(adapter, self._loss_examples(place)) for adapter, place in questions
        ]

    def token_counts(self, site: str) -> NDArray[np.int64]:
        """Return how often a site's training notes use each token of the public vocabulary."""
        ids = (
            id_
            for note in self._cohorts[site].train
            for id_ in self._tokenizer.tokenize(note.text).ids
        )
        return count_tokens(ids, self._vocabulary)

    def label_tokens(self, site: str) -> int:
        """Return how many label tokens a site's training notes have in one pass."""
        return sum(example.num_label_tokens for example in self._training_examples(site))

    def deliver(self, news: News, *, before: str, after: str) -> None:
        """Do nothing: every question comes with all that it is about."""

    def evaluate(
        self,
        bundle: AdapterWeights,
        sites: Sequence[str],
        scope: Scope,
        *,
        memories: Mapping[str, str] = NOTHING_KEPT,
    ) -> Iterator[tuple[str, Tally]]:
        """Yield each site with the tally of its notes in the scope."""
        for site in sites:
            cohort, notes = self._cohorts[site], self._cohorts[site].notes(scope.split)
            memory = self._shelf.get(memories[site]) if site in memories else {}
            notes, answer = notes[: scope.limit], self._answer(read_with(bundle, memory))
            shown = self._shown(site, scope.num_shown)
            found = self._task.predict(notes, cohort.labels, answer, parts=scope.parts, shown=shown)
            counts = self._task.score(notes, found, cohort.labels)
            drawn = draws({site: len(counts)}, replicates=scope.replicates, seed=scope.seed)
            judged = self._task.judged(notes, found, cohort.labels)
            bins = counted(judged, num_bins=scope.confidence_bins)
            yield site, tally(counts, drawn[site], bins)

    def shown(self, site: str, number: int) -> Mapping[str, int]:
        """Return how many windows and heads of a site a model is shown where so many are wanted."""
        shown = self._shown(site, number)
        return shown.told if shown else {}

    def blind(self) -> BlindHere:
        """Return the sites as they are asked in rounds whose updates stay where they are."""
        return BlindHere(
            self._shelf, self._blind_key, lambda adapter: self.losses([(adapter, SERVER)])[0]
        )

    def spent(self) -> Mapping[str, int]:
        """Return what reading has taken of somebody else so far, by name."""
        return self._backbone.spent()

    def ceiling(self, site: str, split: str, *, limit: int) -> NoteCounts:
        """Return what a perfect model would reach in the experiment's formulation, all added."""
        cohort, notes = self._cohorts[site], self._cohorts[site].notes(split)[:limit]
        found = self._task.ceiling(notes, cohort.labels)
        return sum(self._task.score(notes, found, cohort.labels), NoteCounts())

    def read(self, bundle: AdapterWeights, notes: Sequence[Note], labels: Labels) -> list[Any]:
        """Return what a model makes of notes that belong to no site, as its task has it."""
        return self._task.predict(notes, labels, self._answer(model(bundle)))

    def predictions(
        self, bundle: AdapterWeights, site: str, split: str, *, limit: int
    ) -> list[dict[str, object]]:
        """Return what the report draws; nothing where the site is not public."""
        cohort = self._cohorts[site]
        notes = cohort.notes(split)[:limit] if cohort.public else ()
        found = self.read(bundle, notes, cohort.labels)
        return [
            {
                "site": site,
                "note_id": note.id,
                "text": note.text,
                **self._task.drawn(note, own, cohort.labels),
            }
            for note, own in zip(notes, found, strict=True)
        ]

    def _trainer(self, participant: Participant, plan: LocalPlan) -> Backbone[ExampleT]:
        """Return what trains: the base model as it is, or one that hides the site's units."""
        if plan.private is None:
            return self._backbone
        if self._private is None:
            raise TrainingError(
                "training: found a private plan, expected one without; this engine keeps no record "
                "of what is spent"
            )
        (site,) = participant.sites
        units = self._units(site, plan.private.unit)
        return self._private.backbone(participant.name, units)

    def _make_units(self, site: str, unit: Unit) -> Units[ExampleT]:
        cohort = self._cohorts[site]
        return in_units(
            cohort.train, self._task.examples_by_note(cohort.train, cohort.labels), unit
        )

    def _make_shown(self, site: str, number: int) -> Shown | None:
        cohort = self._cohorts[site]
        return self._task.shown(cohort.train, cohort.labels, number=number) if number else None

    def _answer(self, adapter: AdapterWeights) -> Answer[ExampleT]:
        return lambda examples: self._backbone.answer(adapter, examples)

    def _make_training_examples(self, site: str) -> list[ExampleT]:
        cohort = self._cohorts[site]
        return self._task.examples(cohort.train, cohort.labels, max_heads=cohort.max_heads)

    def _make_loss_examples(self, place: str) -> list[ExampleT]:
        return [
            example
            for labels, notes, max_heads in self._loss_notes(place)
            for example in self._task.examples(notes, labels, max_heads=max_heads)
        ]

    def _loss_notes(self, place: str) -> list[tuple[Labels, Sequence[Note], int | None]]:
        if place != SERVER:
            cohort = self._cohorts[place]
            return [(cohort.labels, cohort.dev, cohort.validation_heads)]
        return [
            (site.labels, site.dev if site.role == SERVER else site.held_out, site.validation_heads)
            for site in self._cohorts.values()
        ]
