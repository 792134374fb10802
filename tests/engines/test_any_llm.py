"""Every language model of the papers, and one that was really trained, through one path."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training.hub_folders import LLMS, write_base
from tests.training.tiny_decoders import LABELS, NOTES, TYPES
from tokenizers import Tokenizer

from fedmedlora.adapters.shelves import MemoryShelf
from fedmedlora.adapters.weights import add
from fedmedlora.engines.opening import open_local
from fedmedlora.evaluation.cohorts import Cohort
from fedmedlora.experiment.schema import Lora, Model, Training
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.federation.engine import Engine, Participant, Scope
from fedmedlora.tasks.scoring import PARTS
from fedmedlora.training.tokenizers import HuggingFaceTokenizer

STORIES = Path(__file__).parents[3] / "shared" / "models" / "stories260K"
BY_HEART = Training(
    num_threads=1, batch_size=4, epochs=20, learning_rate=1e-2, gradient_checkpointing=True
)
PLANS = {"a": LocalPlan(seed=1, round_index=1, num_rounds=1)}
COHORT = Cohort(
    "a", "train", LABELS, True, tuple(NOTES), (), tuple(NOTES), tuple(NOTES), "test", "a" * 64
)


def opened(folder: Path, training: Training, **settings: Any) -> Engine:  # noqa: ANN401
    lora = Lora(rank=8, alpha=16)
    model = Model(base=str(folder), formulation="markup", window_tokens=40, lora=lora, **settings)
    return open_local(model, training, {"a": COHORT}, TYPES, seed=0, shelf=MemoryShelf())


def learns_by_heart(engine: Engine) -> None:
    """Check that a site's notes are learnt so well that all is found that can be said."""
    start = engine.initial()

    (outcome,) = engine.train([Participant("a", ("a",))], start, PLANS)
    assert outcome.sent is not None
    adapter = add(start, outcome.sent.delta)
    before, after = engine.losses([(start, "a"), (adapter, "a")])
    ((_, found),) = engine.evaluate(adapter, ["a"], Scope("final", PARTS, 2))

    assert after < before / 10
    matched = {part: found.total.part(part).matched("strict") for part in PARTS}
    possible = engine.ceiling("a", "final", limit=2)
    assert matched == {part: possible.part(part).matched("strict") for part in PARTS}
    assert matched["ner"].tp > 0


@pytest.mark.parametrize("name", LLMS)
def test_any_llm_learns_and_writes(name: str, tmp_path: Path) -> None:
    learns_by_heart(opened(write_base(tmp_path, name), BY_HEART))


@pytest.mark.gpu
@pytest.mark.parametrize("name", LLMS)
def test_any_llm_learns_in_four_bits(name: str, tmp_path: Path) -> None:
    base = write_base(tmp_path, name)

    learns_by_heart(opened(base, BY_HEART, dtype="bfloat16", quantization="4bit"))


@pytest.mark.skipif(not STORIES.is_dir(), reason="the tiny Llama is not beside the project")
def test_a_llama_that_tells_stories_learns_and_writes() -> None:
    learns_by_heart(opened(STORIES, BY_HEART))


@pytest.mark.parametrize("name", LLMS)
def test_text_is_cut_as_the_base_s_own_file_says(name: str, tmp_path: Path) -> None:
    """Transformers 5 takes the class that a model names for its word, which may not fit its file.

    Source: github.com/huggingface/transformers, issue 45488.
    """
    folder, text = write_base(tmp_path, name), 'No  pain.\nAspirin 5 mg, <b> "café" é'

    cut = HuggingFaceTokenizer(folder)

    own = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert list(cut.tokenize(text).ids) == own.encode(text, add_special_tokens=False).ids
    assert [*cut.prefix, *cut.tokenize("a").ids] == own.encode("a").ids


@pytest.mark.parametrize("name", ["meta-llama/Llama-3.1-8B", "Qwen/Qwen3-4B"])
def test_everything_stands_on_the_model_s_device(name: str, tmp_path: Path) -> None:
    """What names no device lands on one here that has no numbers and mixes with no other."""
    engine = opened(write_base(tmp_path, name), replace(BY_HEART, epochs=1))
    start = engine.initial()

    with torch.device("meta"):
        (outcome,) = engine.train([Participant("a", ("a",))], start, PLANS)
        assert outcome.sent is not None, outcome.reason
        adapter = add(start, outcome.sent.delta)
        (loss,) = engine.losses([(adapter, "a")])
        ((_, found),) = engine.evaluate(adapter, ["a"], Scope("final", PARTS, 1))

    assert loss < engine.losses([(start, "a")])[0]
    assert found.num_notes == 1
