"""One loaded base model that answers for every adapter handed to it."""

import copy
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from peft import PeftConfig

from fedmedlora.adapters.files import digest, encode
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.errors import TrainingError
from fedmedlora.federation.backbone import LocalPlan, Trained
from fedmedlora.inference.tagging import tag
from fedmedlora.tasks.task import Example
from fedmedlora.training.base_models import BaseModel
from fedmedlora.training.precision import resolved
from fedmedlora.training.settings import Dtype, LoraSettings, TrainingSettings
from fedmedlora.training.tagging_model import load_tagging_model
from fedmedlora.training.tokenizers import HuggingFaceTokenizer
from fedmedlora.training.trainer import mean_loss, train


class TaggingBackbone:
    """A Hugging Face base with LoRA and a tagging head, as a federation's `Backbone`."""

    def __init__(
        self,
        base: BaseModel,
        tokenizer: HuggingFaceTokenizer,
        types: tuple[str, ...],
        *,
        lora: LoraSettings,
        training: TrainingSettings,
        dtype: Literal["auto"] | Dtype,
        seed: int,
    ) -> None:
        torch.set_num_threads(training.num_threads)
        torch.use_deterministic_algorithms(mode=True)
        # Nothing here reads what it has not written; filling every new tensor costs a tenth.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        # A process has one precision in accelerate; the model's own lets two differ.
        self._accelerator = Accelerator(mixed_precision="no", cpu=not torch.cuda.is_available())
        chosen = resolved(dtype)
        self.dtype: str = chosen
        self._tagger = load_tagging_model(
            base, tokenizer, types, lora=lora, dtype=chosen, seed=seed
        )
        self._tagger.model.to(self._accelerator.device)
        self._training = training
        self._initial = self._tagger.slots.read()
        self._name = base.name
        self.digest = base.digest
        self.num_bytes = base.num_bytes
        self.num_positions = self._tagger.num_positions

    def peft_config(self) -> PeftConfig:
        """Return what peft needs to load an adapter of this model."""
        config = copy.copy(self._tagger.model.peft_config["default"])
        # Peft would write where the base lies on this machine.
        config.base_model_name_or_path = self._name
        return config

    def initial(self) -> AdapterWeights:
        """Return the adapter every site starts from."""
        return self._initial

    def train(self, start: AdapterWeights, examples: Sequence[Example], plan: LocalPlan) -> Trained:
        """Return what training on the examples makes of an adapter."""
        self._tagger.slots.write(start)
        try:
            loss = train(
                self._tagger,
                examples,
                plan,
                settings=self._training,
                accelerator=self._accelerator,
            )
        except RuntimeError as error:
            # Memory that runs out is the common one; another site may do with less.
            raise TrainingError(
                f"training: found {type(error).__name__} in torch, expected a finished pass; "
                "lower training.batch_size or training.learning_rate"
            ) from error
        num_tokens = sum(example.num_label_tokens for example in examples)
        return Trained(
            adapter=self._tagger.slots.read(),
            num_tokens=num_tokens,
            loss=loss,
            base=self.digest,
            start=digest(encode(start)),
            round_index=plan.round_index,
        )

    def loss(self, adapter: AdapterWeights, examples: Sequence[Example]) -> float:
        """Return the mean loss of an adapter, in nats per label token."""
        self._tagger.slots.write(adapter)
        return mean_loss(self._tagger, examples, self._accelerator)

    def answer(
        self, adapter: AdapterWeights, examples: Sequence[Example]
    ) -> list[NDArray[np.int64]]:
        """Return each example's likeliest tags, (length, channels)."""
        self._tagger.slots.write(adapter)
        self._tagger.model.eval()
        return tag(
            self._tagger.logits,
            examples,
            pad_id=self._tagger.pad_id,
            device=self._accelerator.device,
        )
