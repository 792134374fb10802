"""From a description of a model to a backbone and how it is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Generic

from accelerate import Accelerator

from fedmedlora.adapters.shelves import Shelf
from fedmedlora.engines.backbone import HuggingFaceBackbone
from fedmedlora.engines.local import LocalEngine
from fedmedlora.engines.private import PrivateSide
from fedmedlora.engines.readiness import ReadyBase, look_up, require_positions
from fedmedlora.evaluation.cohorts import Cohort
from fedmedlora.experiment.schema import Model, Training
from fedmedlora.federation.shift import most_frequent
from fedmedlora.inference.tagging import tag
from fedmedlora.inference.writing import write
from fedmedlora.privacy.ckks import Key
from fedmedlora.privacy.randomness import OsRandomness, Randomness
from fedmedlora.privacy.spending import Spending
from fedmedlora.synthetic.hospitals import public_text
from fedmedlora.tasks.answers import WrittenExample
from fedmedlora.tasks.tagging import TaggingExample
from fedmedlora.tasks.task import Answer, ExampleT, Output, Task
from fedmedlora.training.causal_model import load_causal_model
from fedmedlora.training.precision import resolved
from fedmedlora.training.process import prepared
from fedmedlora.training.quantization import require_quantization
from fedmedlora.training.settings import LoraSettings, TrainingSettings
from fedmedlora.training.tagging_model import TaggingModel, load_tagging_model
from fedmedlora.training.tokenizers import HuggingFaceTokenizer
from fedmedlora.training.trainer import Learner
from fedmedlora.training.whole_model import load_whole_model


@dataclass(frozen=True, slots=True)
class OpenModel(Generic[ExampleT]):
    """A loaded base model, and how it is asked."""

    backbone: HuggingFaceBackbone[ExampleT]
    task: Task[ExampleT, Any]
    tokenizer: HuggingFaceTokenizer

    def engine(
        self,
        cohorts: Mapping[str, Cohort],
        *,
        shelf: Shelf,
        blind_key: Key | None = None,
        spending: Spending | None = None,
        randomness: Randomness | None = None,
    ) -> LocalEngine[ExampleT]:
        """Return an engine in this process over some sites.

        Args:
            shelf: For what the sites keep.
            spending: Where it is written down what private training takes; None trains without.
            randomness: Where its noise comes from, None for the operating system; another than
                that is for tests.
        """
        return LocalEngine(
            self.backbone,
            self.task,
            cohorts,
            tokenizer=self.tokenizer,
            vocabulary=_vocabulary(self.tokenizer),
            shelf=shelf,
            blind_key=blind_key,
            private=(
                PrivateSide(self.backbone, spending, randomness or OsRandomness())
                if spending
                else None
            ),
        )


@dataclass(frozen=True, slots=True)
class _Request:
    """All that opening a model takes."""

    ready: ReadyBase
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
            self.ready.base, learner, answer, training=training, accelerator=self.accelerator
        )


AnyModel = OpenModel[TaggingExample] | OpenModel[WrittenExample]


def open_model(
    model: Model,
    training: Training,
    types: tuple[str, ...],
    *,
    seed: int,
    digest: str | None = None,
) -> AnyModel:
    """Return a loaded base model with an untrained adapter.

    Args:
        types: All that will be asked for; the channels of a tagging head.
        digest: What the sha256 of the base's weights must be; None takes it as it is.

    Raises:
        ModelError: The base model is missing or is not what it must be, a window is longer than it
            can read, or this machine cannot quantize it.
    """
    require_quantization(model.quantization)
    ready = look_up(model, types, digest=digest)
    request = _Request(ready, model, training, types, seed, prepared(training.num_threads))
    opened: AnyModel = _writing(request) if ready.writes else _tagging(request, _with_lora(request))
    # A few bases number positions from behind others, which only the loaded model shows.
    require_positions(ready.task, model, opened.backbone.num_positions)
    return opened


def open_whole_model(
    model: Model, training: Training, types: tuple[str, ...], *, seed: int
) -> OpenModel[TaggingExample]:
    """Return a loaded base model that tags, all of whose weights are trained.

    Args:
        model: What it says of an adapter does not count.
        types: All that will be asked for; the channels of the head.

    Raises:
        ModelError: The base model is missing, or a window is longer than it can read.
    """
    ready = look_up(model, types)
    request = _Request(ready, model, training, types, seed, prepared(training.num_threads))
    opened = _tagging(request, _whole(request))
    require_positions(ready.task, model, opened.backbone.num_positions)
    return opened


def _with_lora(request: _Request) -> TaggingModel:
    return load_tagging_model(
        request.ready.base,
        request.ready.tokenizer,
        request.types,
        lora=LoraSettings(**asdict(request.model.lora)),
        dtype=resolved(request.model.dtype),
        quantization=request.model.quantization,
        mark_weight=request.model.mark_weight,
        seed=request.seed,
    )


def _whole(request: _Request) -> TaggingModel:
    return load_whole_model(
        request.ready.base,
        request.ready.tokenizer,
        request.types,
        dtype=resolved(request.model.dtype),
        mark_weight=request.model.mark_weight,
        seed=request.seed,
    )


def _tagging(request: _Request, tagger: TaggingModel) -> OpenModel[TaggingExample]:
    answer = partial(
        tag,
        tagger.logits,
        pad_id=tagger.pad_id,
        most_tokens=tagger.num_positions,
        device=request.accelerator.device,
    )
    return OpenModel(request.backbone(tagger, answer), request.ready.task, request.ready.tokenizer)


def _writing(request: _Request) -> OpenModel[WrittenExample]:
    writer = load_causal_model(
        request.ready.base,
        lora=LoraSettings(**asdict(request.model.lora)),
        dtype=resolved(request.model.dtype),
        quantization=request.model.quantization,
        loss=request.model.answer_loss,
        mark_weight=request.model.mark_weight,
        seed=request.seed,
    )

    def answer(examples: Sequence[WrittenExample]) -> list[Output]:
        # Looked up at each call: the backbone moves the model to its device.
        return write(writer.hidden, writer.vocabulary, examples)

    return OpenModel(request.backbone(writer, answer), request.ready.task, request.ready.tokenizer)


def _vocabulary(tokenizer: HuggingFaceTokenizer) -> tuple[int, ...]:
    """Return the most frequent tokens of a public text: notes that our own generator wrote."""
    return most_frequent(id_ for text in public_text() for id_ in tokenizer.tokenize(text).ids)
