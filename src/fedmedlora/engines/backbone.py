"""One loaded base model that answers for every adapter handed to it."""

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Generic

import torch
from accelerate import Accelerator
from peft import PeftConfig, PeftModel

from fedmedlora.adapters.kinds import plain
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.errors import ModelError, TrainingError
from fedmedlora.federation.backbone import STRAIGHT, LocalPlan, Steering, Trained
from fedmedlora.tasks.batches import sorted_batches
from fedmedlora.tasks.task import Answer, ExampleT, Output
from fedmedlora.training.adapter_slots import lora_layers
from fedmedlora.training.base_models import BaseModel
from fedmedlora.training.folded_patches import FoldedPatches
from fedmedlora.training.lora_model import recompute_activations, rescaled
from fedmedlora.training.private_steps import PrivateSteps, Randomness, train_privately
from fedmedlora.training.settings import TrainingSettings
from fedmedlora.training.steering import Wheel
from fedmedlora.training.trainer import Learner, mean_loss, train

_BATCH_TOKENS = 2048


class HuggingFaceBackbone(Generic[ExampleT]):
    """A loaded Hugging Face base, in any formulation, as a federation's `Backbone`."""

    def __init__(
        self,
        base: BaseModel,
        learner: Learner[ExampleT],
        answer: Answer[ExampleT],
        *,
        training: TrainingSettings,
        accelerator: Accelerator,
    ) -> None:
        learner.model.to(accelerator.device)
        if training.gradient_checkpointing:
            recompute_activations(learner.model, learner.dtype)
        self.dtype: str = learner.dtype
        self.digest = base.digest
        self.num_bytes = base.num_bytes
        self.num_positions = learner.num_positions
        self.learner = learner
        self._ask = answer
        self._training = training
        self._accelerator = accelerator
        self._initial = learner.slots.read()
        self._folded = FoldedPatches(lora_layers(learner.model, learner.slots))
        self._name = base.name

    def peft_config(self) -> PeftConfig:
        """Return what peft needs to load an adapter of this model.

        Raises:
            TypeError: Its own weights are trained, of which peft knows nothing.
        """
        model = self.learner.model
        if not isinstance(model, PeftModel):
            raise TypeError(f"found {type(model).__name__}, expected a model with an adapter")
        config = copy.copy(model.peft_config["default"])
        # Peft would write where the base lies on this machine.
        config.base_model_name_or_path = self._name
        return config

    def initial(self) -> AdapterWeights:
        """Return the adapter every site starts from."""
        return self._initial

    def train(
        self,
        start: AdapterWeights,
        examples: Sequence[ExampleT],
        plan: LocalPlan,
        *,
        steering: Steering = STRAIGHT,
    ) -> Trained:
        """Return what training on the examples makes of an adapter."""
        self._write(start)
        wheel = Wheel(self.learner.slots.parameters, steering)
        with rescaled(self.learner.model, steering.scaling), _failures_told():
            loss = train(
                self.learner,
                examples,
                plan,
                settings=self._training,
                accelerator=self._accelerator,
                wheel=wheel,
            )
        return self._trained(examples, loss, wheel)

    def train_privately(
        self,
        start: AdapterWeights,
        units: Sequence[Sequence[ExampleT]],
        plan: LocalPlan,
        steps: PrivateSteps,
        *,
        randomness: Randomness,
        steering: Steering = STRAIGHT,
    ) -> Trained:
        """Return what private training on the units' examples makes of an adapter.

        Its loss is nan: it is made of the notes, and no noise hides them in it.
        """
        self._write(start)
        wheel = Wheel(self.learner.slots.parameters, steering)
        with rescaled(self.learner.model, steering.scaling), _failures_told():
            train_privately(
                self.learner,
                units,
                plan,
                steps,
                settings=self._training,
                randomness=randomness,
                wheel=wheel,
                frozen=steering.frozen,
            )
        return self._trained([one for unit in units for one in unit], math.nan, wheel)

    def _trained(self, examples: Sequence[ExampleT], loss: float, wheel: Wheel) -> Trained:
        return Trained(
            adapter=self.learner.slots.read(),
            num_tokens=sum(example.num_label_tokens for example in examples),
            loss=loss,
            gradient=wheel.mean_gradient(),
        )

    def loss(self, adapter: AdapterWeights, examples: Sequence[ExampleT]) -> float:
        """Return the mean loss of an adapter, in nats per label token."""
        self._write(adapter)
        with _memory_told("validation"):
            return mean_loss(self.learner, examples)

    def objectives(self, adapter: AdapterWeights, examples: Sequence[ExampleT]) -> list[float]:
        """Return what training makes small of each example, in nats over its label tokens."""
        self._write(adapter)
        self.learner.model.eval()
        told: dict[int, float] = {}
        with _memory_told("reading"), torch.inference_mode():
            for indices, drawn in sorted_batches(examples, max_tokens=_BATCH_TOKENS):
                values = self.learner.row_objectives(drawn).tolist()
                told.update(zip(indices, values, strict=True))
        return [told[index] for index in range(len(examples))]

    def answer(self, adapter: AdapterWeights, examples: Sequence[ExampleT]) -> Sequence[Output]:
        """Return each example's likeliest output."""
        self._write(adapter)
        self.learner.model.eval()
        with _memory_told("reading"):
            return self._ask(examples)

    def spent(self) -> Mapping[str, int]:
        """Return nothing: all answers are made here."""
        return {}

    def _write(self, bundle: AdapterWeights) -> None:
        self._folded.write(bundle)
        self.learner.slots.write(plain(bundle))


@contextmanager
def _failures_told() -> Iterator[None]:
    """Turn what goes wrong in torch into the error of one site, whose training it is.

    Raises:
        TrainingError: Something went wrong.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        # Another site may do with less.
        raise TrainingError(
            "training: found too little memory, expected room for a batch; lower "
            "training.batch_size or set training.gradient_checkpointing"
        ) from error
    except RuntimeError as error:
        raise TrainingError(
            f"training: found {type(error).__name__} in torch, expected a finished pass; "
            "report it with the run's environment.json"
        ) from error


@contextmanager
def _memory_told(doing: str) -> Iterator[None]:
    """Turn memory that runs out into an error that says what to do.

    Raises:
        ModelError: It ran out.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise ModelError(
            f"{doing}: found too little memory, expected room for a batch of windows; lower "
            "model.window_tokens, or take a smaller base"
        ) from error
