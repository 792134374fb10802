"""How a site of the rivals trains: as anybody would write it, or as this project does."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

import torch
from peft import get_peft_model_state_dict, set_peft_model_state_dict

from contest.demo_folder import experiment_of, own_notes, types_of
from contest.plain_trainer import plain_model, plain_trainer
from fedmedlora.adapters.shelves import MemoryShelf
from fedmedlora.adapters.weights import AdapterWeights, moved
from fedmedlora.engines.opening import open_local
from fedmedlora.engines.readiness import look_up
from fedmedlora.experiment.spool import site_seed
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.federation.engine import Participant
from fedmedlora.tasks.extraction import Extraction
from fedmedlora.tasks.tagging import Tagging
from fedmedlora.training.precision import resolved
from fedmedlora.training.settings import TrainingSettings

Learnt = tuple[AdapterWeights, int, float]
"""An adapter after a round, the label tokens of the site's notes, the loss in nats per token."""


class Client(Protocol):
    """A site with its base model loaded."""

    def initial(self) -> AdapterWeights:
        """Return the adapter that all start from."""
        ...

    def train(self, start: AdapterWeights, round_index: int, num_rounds: int) -> Learnt:
        """Return what a round of training makes of an adapter."""
        ...


class Plain:
    """transformers.Trainer on a model of peft, over the examples that ours takes in that round."""

    def __init__(self, folder: Path, name: str) -> None:
        experiment, (cohort,) = experiment_of(folder), own_notes(folder, name).values()
        self._training, types = experiment.training, types_of(folder)
        torch.set_num_threads(self._training.num_threads)
        ready = look_up(experiment.model, types)
        self._base, self._dtype = ready.base.folder, resolved(experiment.model.dtype)
        tagging = Tagging(types, ready.tokenizer)
        task = Extraction(tagging, ready.tokenizer, experiment.model.window_tokens)
        self._examples = task.examples(cohort.train, cohort.labels, max_heads=cohort.max_heads)
        self._model = plain_model(self._base, types, experiment.model.lora, seed=experiment.seed)

    def initial(self) -> AdapterWeights:
        """Return the adapter that all start from, with the head."""
        return {
            name: tensor.float().numpy().copy()
            for name, tensor in get_peft_model_state_dict(self._model).items()
        }

    def train(self, start: AdapterWeights, round_index: int, num_rounds: int) -> Learnt:
        """Return what a round of training makes of an adapter."""
        del num_rounds
        tensors = {name: torch.from_numpy(start[name]) for name in start}
        set_peft_model_state_dict(self._model, tensors)
        parts = self._training.rounds_per_epoch
        examples = self._examples[(round_index - 1) % parts :: parts]
        settings = TrainingSettings(**asdict(self._training))
        trainer = plain_trainer(
            self._model,
            self._base,
            examples,
            self._training,
            self._dtype,
            batch_size=settings.batch_size_for(len(examples)),
            # Not its default, but faster.
            by_length=True,
        )
        loss = trainer.train().training_loss
        return self.initial(), sum(one.num_label_tokens for one in self._examples), loss


class Ours:
    """This project's own training."""

    def __init__(self, folder: Path, name: str) -> None:
        self._name, self._seed = name, experiment_of(folder).seed
        experiment = experiment_of(folder)
        self._engine = open_local(
            experiment.model,
            experiment.training,
            own_notes(folder, name),
            types_of(folder),
            seed=self._seed,
            shelf=MemoryShelf(),
        )

    def initial(self) -> AdapterWeights:
        """Return the adapter that all start from."""
        return self._engine.initial()

    def train(self, start: AdapterWeights, round_index: int, num_rounds: int) -> Learnt:
        """Return what a round of training makes of an adapter."""
        seed = site_seed(self._seed, self._name, round_index)
        plans = {self._name: LocalPlan(seed, round_index, num_rounds)}
        participant = Participant(self._name, (self._name,))
        (outcome,) = self._engine.train([participant], start, plans)
        if outcome.sent is None:
            raise SystemExit(outcome.reason)
        return moved(start, outcome.sent.delta), outcome.sent.num_tokens, outcome.sent.loss


CLIENTS: Mapping[str, Callable[[Path, str], Client]] = {"plain": Plain, "ours": Ours}
