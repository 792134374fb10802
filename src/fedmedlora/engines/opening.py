"""From a description of a model and the notes of some sites to an engine that can run them."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict
from functools import partial

from fedmedlora.engines.backbone import TaggingBackbone
from fedmedlora.engines.local import LocalEngine
from fedmedlora.engines.parallel import ParallelEngine
from fedmedlora.errors import ModelError
from fedmedlora.evaluation.cohorts import Cohort
from fedmedlora.experiment.schema import EngineChoice, Model, Training
from fedmedlora.federation.engine import Engine
from fedmedlora.federation.shift import most_frequent
from fedmedlora.synthetic.hospitals import public_text
from fedmedlora.tasks.extraction import Extraction
from fedmedlora.tasks.tagging import Tagging
from fedmedlora.training.base_models import find_base_model
from fedmedlora.training.settings import LoraSettings, TrainingSettings
from fedmedlora.training.tokenizers import HuggingFaceTokenizer


@contextmanager
def open_engine(
    choice: EngineChoice,
    model: Model,
    training: Training,
    cohorts: Mapping[str, Cohort],
    types: tuple[str, ...],
    *,
    seed: int,
) -> Iterator[Engine]:
    """Give the engine of an experiment, and close it.

    Raises:
        ModelError: As `open_local` has it.
        EngineError: A worker ended before it was ready.
    """
    opening = partial(open_local, model, training, cohorts, types, seed=seed)
    one = choice.workers == 1
    engine = opening() if one else ParallelEngine(opening, num_workers=choice.workers)
    with closing(engine):
        yield engine


def open_local(
    model: Model,
    training: Training,
    cohorts: Mapping[str, Cohort],
    types: tuple[str, ...],
    *,
    seed: int,
) -> LocalEngine:
    """Return an engine in this process with its base model loaded.

    Args:
        types: The channels of the tagging head.

    Raises:
        ModelError: The base model is missing or is not what it must be, or a window is longer than
            it can read.
    """
    backbone, tokenizer = open_backbone(model, training, types, seed=seed)
    tagging = Tagging(types, tokenizer)
    _require_positions(backbone, model, num_marks=tagging.num_marks)
    task = Extraction(tagging, tokenizer, model.window_tokens)
    vocabulary = _vocabulary(tokenizer)
    return LocalEngine(backbone, task, cohorts, tokenizer=tokenizer, vocabulary=vocabulary)


def open_backbone(
    model: Model, training: Training, types: tuple[str, ...], *, seed: int
) -> tuple[TaggingBackbone, HuggingFaceTokenizer]:
    """Return a loaded base model with LoRA and a tagging head, and its tokenizer."""
    base = find_base_model(model.base)
    tokenizer = HuggingFaceTokenizer(base.folder)
    backbone = TaggingBackbone(
        base,
        tokenizer,
        types,
        lora=LoraSettings(**asdict(model.lora)),
        training=TrainingSettings(**asdict(training)),
        dtype=model.dtype,
        seed=seed,
    )
    return backbone, tokenizer


def _require_positions(backbone: TaggingBackbone, model: Model, *, num_marks: int) -> None:
    most = backbone.num_positions
    if most is not None and model.window_tokens + num_marks > most:
        raise ModelError(
            f"model.window_tokens: found {model.window_tokens}, expected at most "
            f"{most - num_marks}; {model.base!r} reads {most} tokens, of which {num_marks} may be "
            "marks"
        )


def _vocabulary(tokenizer: HuggingFaceTokenizer) -> tuple[int, ...]:
    """Return the most frequent tokens of a public text: notes that our own generator wrote."""
    return most_frequent(id_ for text in public_text() for id_ in tokenizer.tokenize(text).ids)
