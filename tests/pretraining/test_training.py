import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.pretraining.shapes import SMALL
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM

from fedmedlora.pretraining.recipe import Recipe, Stage
from fedmedlora.pretraining.stream import Stream
from fedmedlora.pretraining.training import (
    _optimizer,
    _rows,
    _save,
    _step,
    learnt_nats,
    pretrain,
    untrained,
)
from fedmedlora.pretraining.vocabulary import alphabet
from fedmedlora.pretraining.word_classes import WordClasses


@pytest.fixture(scope="module")
def stream(tokenizer: Tokenizer, text: NDArray[np.uint16], classes: WordClasses) -> Stream:
    return Stream(text, alphabet(tokenizer), classes, SMALL.window, seed=0)


def weights(model: LlamaForCausalLM) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_the_rate_rises_stays_and_falls() -> None:
    stage = Stage(steps=100, warmup=10, cooldown=0.2, learning_rate=1.0)

    # 5 / 10 of the way up, the peak, and 10 of the last 20 steps left
    assert [stage.rate(step) for step in (4, 9, 50, 79, 90)] == [0.5, 1.0, 1.0, 1.0, 0.5]
    assert stage.rate(99) == pytest.approx(1 / 20)


def test_the_model_is_as_large_as_it_may_be() -> None:
    """At most 8 M parameters, and 16 MB of two bytes each."""
    assert sum(p.numel() for p in untrained(Recipe()).parameters()) <= 8_000_000


def test_losses_are_those_of_the_tokens_that_are_learnt() -> None:
    model = untrained(SMALL)
    with torch.no_grad():
        model.lm_head.weight.zero_()
    ids = torch.randint(0, 600, (2, 8))
    learnt = torch.zeros(2, 8, dtype=torch.bool)
    learnt[0, [0, 3, 4]] = True
    learnt[1, 7] = True

    first, second = learnt_nats(model, ids, learnt)

    # Nothing goes before a window's first token; every id is as likely as the others.
    assert first.tolist() == pytest.approx([math.log(600)] * 2)
    assert second.tolist() == pytest.approx([math.log(600)])


def test_a_stage_follows_the_other() -> None:
    first, second = SMALL.stages

    assert SMALL.steps == 10
    assert [SMALL.stage(step) for step in (0, 5, 6, 9)] == [
        (first, 0),
        (first, 5),
        (second, 0),
        (second, 3),
    ]
    with pytest.raises(ValueError, match="expected less than 10"):
        SMALL.stage(10)


def test_in_the_second_stage_every_second_step_reads_both_ways(
    stream: Stream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[str, int]] = []
    windows, gapped = Stream.windows, Stream.gapped

    def looking_back(self: Stream, numbers: range) -> object:
        drawn.append(("back", numbers[0]))
        return windows(self, numbers)

    def looking_both_ways(self: Stream, numbers: range) -> object:
        drawn.append(("both", numbers[0]))
        return gapped(self, numbers)

    monkeypatch.setattr(Stream, "windows", looking_back)
    monkeypatch.setattr(Stream, "gapped", looking_both_ways)

    pretrain(SMALL, stream, checkpoint=tmp_path / "checkpoint.pt")

    ways = ["back"] * 6 + ["back", "both", "back", "both"]
    assert drawn == [(way, 2 * step) for step, way in enumerate(ways)]


def test_what_stands_behind_a_word_counts_only_where_both_ways_are_read() -> None:
    model = untrained(SMALL)
    ids = torch.randint(3, 600, (1, 8))
    other = ids.clone()
    other[0, 7] = (ids[0, 7] + 1) % 600
    learnt = torch.zeros(1, 8, dtype=torch.bool)
    learnt[0, 3] = True

    def nats(read: torch.Tensor, *, both_ways: bool) -> float:
        seen = torch.where(learnt, 0, read) if both_ways else None
        with torch.inference_mode():
            return float(next(iter(learnt_nats(model, read, learnt, seen))))

    assert nats(ids, both_ways=False) == nats(other, both_ways=False)
    assert nats(ids, both_ways=True) != nats(other, both_ways=True)


def test_a_token_counts_as_often_as_its_weight_says() -> None:
    """Losses x and y with weights 1 and 4 have the mean (x + 4 y) / 5."""
    model = untrained(SMALL)
    ids, learnt = torch.randint(0, 600, (1, 8)), torch.zeros(1, 8, dtype=torch.bool)
    ids[0, 3], ids[0, 5] = 10, 20
    learnt[0, [3, 5]] = True
    weights = torch.ones(600)
    weights[20] = 4.0
    first, second = next(iter(learnt_nats(model, ids, learnt))).tolist()

    still = torch.optim.SGD(model.parameters(), lr=0.0)
    with ThreadPoolExecutor(1) as pool:
        loss = _step(model, still, [ids, learnt], weights, pool=pool)

    assert first != second
    assert loss == pytest.approx((first + 4 * second) / 5, rel=1e-5)


@pytest.mark.parametrize("cut_at", [4, 8])
def test_training_goes_on_from_its_checkpoint_with_the_same_bytes(
    stream: Stream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut_at: int
) -> None:
    """Cut in either stage; checkpoints are of steps 3, 6 (where the second begins), 9 and 10."""
    whole = pretrain(SMALL, stream, checkpoint=tmp_path / "whole.pt")
    monkeypatch.setattr("fedmedlora.pretraining.training._SAVE_EVERY", 3)
    windows = Stream.windows

    def cut_off(self: Stream, numbers: range) -> object:
        if numbers[0] >= cut_at * SMALL.windows_a_step:
            raise KeyboardInterrupt
        return windows(self, numbers)

    with monkeypatch.context() as patch:
        patch.setattr(Stream, "windows", cut_off)
        with pytest.raises(KeyboardInterrupt):
            pretrain(SMALL, stream, checkpoint=tmp_path / "cut.pt")
    resumed = pretrain(SMALL, stream, checkpoint=tmp_path / "cut.pt")

    assert torch.load(tmp_path / "cut.pt", weights_only=True)["steps"] == 10
    assert torch.equal(weights(resumed), weights(whole))


def test_the_second_stage_needs_the_first_ones_weights_alone(
    stream: Stream, tmp_path: Path
) -> None:
    whole = pretrain(SMALL, stream, checkpoint=tmp_path / "whole.pt")
    first = replace(SMALL, stages=SMALL.stages[:1])
    model = pretrain(first, stream, checkpoint=tmp_path / "first.pt")
    _save(tmp_path / "weights.pt", model, _optimizer(model, SMALL), first.steps)

    second = pretrain(SMALL, stream, checkpoint=tmp_path / "weights.pt")

    assert torch.equal(weights(second), weights(whole))


def test_what_was_laid_down_is_changed_by_its_share_of_the_rate(
    stream: Stream, tmp_path: Path
) -> None:
    """Of two layers both attentions are laid down; with no share for them they stay."""
    recipe = replace(SMALL, stages=(Stage(1, 1, 0.5, 2e-3),), laid_down_share=0.0)
    before = untrained(recipe, _rows(recipe, stream))
    after = pretrain(recipe, stream, checkpoint=tmp_path / "one.pt")

    changed = {
        name
        for name, parameter in after.named_parameters()
        if not torch.equal(parameter, before.get_parameter(name))
    }
    assert not [name for name in changed if "self_attn" in name or "embed_tokens" in name]
    assert len([name for name in changed if "mlp" in name]) == 2 * 3


def test_threads_share_a_step_and_change_rounding_only(stream: Stream, tmp_path: Path) -> None:
    alone = pretrain(SMALL, stream, checkpoint=tmp_path / "alone.pt", threads=1)
    shared = pretrain(SMALL, stream, checkpoint=tmp_path / "shared.pt", threads=2)

    torch.testing.assert_close(weights(shared), weights(alone), rtol=0, atol=1e-4)


def test_training_learns(stream: Stream, tmp_path: Path) -> None:
    recipe = replace(SMALL, stages=(Stage(40, 2, 0.5, 2e-3),))
    ids, learnt = (torch.from_numpy(array) for array in stream.windows(range(1000, 1004)))

    def loss(model: LlamaForCausalLM) -> float:
        with torch.inference_mode():
            return float(torch.cat(list(learnt_nats(model, ids, learnt))).mean())

    trained = pretrain(recipe, stream, checkpoint=tmp_path / "checkpoint.pt")

    assert loss(trained) < loss(untrained(recipe)) - 0.5
    assert not trained.training
