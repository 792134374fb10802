"""From a description of a model to a backbone and the formulation it is asked in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Generic

import numpy as np
from accelerate import Accelerator
from numpy.typing import NDArray

from fedmedlora.engines.backbone import HuggingFaceBackbone
from fedmedlora.engines.local import LocalEngine
from fedmedlora.errors import ModelError
from fedmedlora.evaluation.cohorts import Cohort
from fedmedlora.experiment.schema import FormulationName, Model, Training
from fedmedlora.federation.shift import most_frequent
from fedmedlora.inference.tagging import tag
from fedmedlora.inference.writing import write
from fedmedlora.synthetic.hospitals import public_text
from fedmedlora.tasks.extraction import Extraction
from fedmedlora.tasks.markup import Markup, MarkupExample
from fedmedlora.tasks.reading import Formulation
from fedmedlora.tasks.tagging import Tagging, TaggingExample
from fedmedlora.tasks.task import Answer, ExampleT
from fedmedlora.training.base_models import BaseModel, find_base_model
from fedmedlora.training.causal_model import load_causal_model
from fedmedlora.training.precision import resolved
from fedmedlora.training.process import prepared
from fedmedlora.training.settings import LoraSettings, TrainingSettings
from fedmedlora.training.tagging_model import load_tagging_model
from fedmedlora.training.tokenizers import HuggingFaceTokenizer
from fedmedlora.training.trainer import Learner


@dataclass(frozen=True, slots=True)
class OpenModel(Generic[ExampleT]):
    """A loaded base model, and how it is asked."""

    backbone: HuggingFaceBackbone[ExampleT]
    formulation: Formulation[ExampleT]
    tokenizer: HuggingFaceTokenizer

    def engine(self, cohorts: Mapping[str, Cohort], *, window_tokens: int) -> LocalEngine[ExampleT]:
        """Return an engine in this process over some sites."""
        task = Extraction(self.formulation, self.tokenizer, window_tokens)
        vocabulary = _vocabulary(self.tokenizer)
        return LocalEngine(
            self.backbone, task, cohorts, tokenizer=self.tokenizer, vocabulary=vocabulary
        )


@dataclass(frozen=True, slots=True)
class _Request:
    """All that opening a model takes."""

    base: BaseModel
    tokenizer: HuggingFaceTokenizer
    model: Model
    training: Training
    types: tuple[str, ...]
    seed: int
    accelerator: Accelerator

    def backbone(
        self, learner: Learner[ExampleT], answer: Answer[ExampleT]
    ) -> HuggingFaceBackbone[ExampleT]:
        """Return a backbone over a loaded learner and what asks it."""
        training = TrainingSettings(**asdict(self.training))
        return HuggingFaceBackbone(
            self.base, learner, answer, training=training, accelerator=self.accelerator
        )


AnyModel = OpenModel[TaggingExample] | OpenModel[MarkupExample]


def open_model(model: Model, training: Training, types: tuple[str, ...], *, seed: int) -> AnyModel:
    """Return a loaded base model with an untrained adapter.

    Args:
        types: All that will be asked for; the channels of a tagging head.

    Raises:
        ModelError: The base model is missing or is not what it must be, or a window is longer than
            it can read.
    """
    accelerator = prepared(training.num_threads)
    base = find_base_model(model.base)
    tokenizer = HuggingFaceTokenizer(base.folder)
    request = _Request(base, tokenizer, model, training, types, seed, accelerator)
    opened = _OPENERS[model.formulation](request)
    _require_positions(opened, model)
    return opened


def _tagging(request: _Request) -> OpenModel[TaggingExample]:
    tagger = load_tagging_model(
        request.base,
        request.tokenizer,
        request.types,
        lora=LoraSettings(**asdict(request.model.lora)),
        dtype=resolved(request.model.dtype),
        seed=request.seed,
    )
    answer = partial(tag, tagger.logits, pad_id=tagger.pad_id, device=request.accelerator.device)
    formulation = Tagging(request.types, request.tokenizer)
    return OpenModel(request.backbone(tagger, answer), formulation, request.tokenizer)


def _markup(request: _Request) -> OpenModel[MarkupExample]:
    end_id = request.tokenizer.end_id
    if end_id is None:
        raise ModelError(
            f"model {request.base.name!r}: found a tokenizer without an end, expected an "
            'eos_token in its tokenizer_config.json; or set model.formulation to "tagging"'
        )
    writer = load_causal_model(
        request.base,
        lora=LoraSettings(**asdict(request.model.lora)),
        dtype=resolved(request.model.dtype),
        loss=request.model.answer_loss,
        mark_weight=request.model.mark_weight,
        seed=request.seed,
    )

    def answer(examples: Sequence[MarkupExample]) -> list[NDArray[np.int64]]:
        # Looked up at each call: the backbone moves the model to its device.
        return write(writer.hidden, writer.vocabulary, examples)

    formulation = Markup(request.types, request.tokenizer, end_id)
    return OpenModel(request.backbone(writer, answer), formulation, request.tokenizer)


_OPENERS: dict[FormulationName, Callable[[_Request], AnyModel]] = {
    "markup": _markup,
    "tagging": _tagging,
}


def _require_positions(opened: AnyModel, model: Model) -> None:
    most = opened.backbone.num_positions
    needed = opened.formulation.num_positions(model.window_tokens)
    if most is not None and needed > most:
        raise ModelError(
            f"model.window_tokens: found {model.window_tokens}, for which {needed} tokens must be "
            f"read at once, expected at most the {most} that {model.base!r} reads; take a shorter "
            "window or another base"
        )


def _vocabulary(tokenizer: HuggingFaceTokenizer) -> tuple[int, ...]:
    """Return the most frequent tokens of a public text: notes that our own generator wrote."""
    return most_frequent(id_ for text in public_text() for id_ in tokenizer.tokenize(text).ids)
