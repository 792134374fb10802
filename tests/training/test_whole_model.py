from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from safetensors.numpy import load_file
from tests.training.tiny_models import (
    NUM_POSITIONS,
    TRAINING,
    examples,
    tiny_bert,
    whole_of,
)
from torch.optim.optimizer import register_optimizer_step_pre_hook
from transformers import BigBirdConfig, BigBirdModel, T5Config, T5EncoderModel

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.training.base_models import BaseModel, find_base_model
from fedmedlora.training.lora_model import recompute_activations
from fedmedlora.training.tagging_model import TaggingModel
from fedmedlora.training.trainer import mean_loss, train

PLAN = LocalPlan(seed=7, round_index=1, num_rounds=1)
HEAD = ("classifier.bias", "classifier.weight")
WORDS = "bert.embeddings.word_embeddings.weight"
IDS = torch.tensor([[2, 8, 10, 3]])
ONES = torch.ones_like(IDS)


@pytest.fixture
def whole(bert: BaseModel) -> TaggingModel:
    return whole_of(bert)


@pytest.fixture
def rates() -> Iterator[list[list[float]]]:
    """The learning rates of every step taken in a test, by parameter group."""
    seen: list[list[float]] = []

    def look(optimizer: torch.optim.Optimizer, *_: object) -> None:
        seen.append([group["lr"] for group in optimizer.param_groups])

    hook = register_optimizer_step_pre_hook(look)
    yield seen
    hook.remove()


def noise(like: AdapterWeights, seed: int) -> AdapterWeights:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=like[name].shape).astype(np.float32) for name in like}


def same(left: AdapterWeights, right: AdapterWeights) -> bool:
    return left.keys() == right.keys() and all(np.array_equal(left[n], right[n]) for n in left)


def tiny_as(folder: Path, kind: type[Any], settings: Any) -> BaseModel:  # noqa: ANN401
    """A tiny base of another architecture, with the tokenizer of the tiny BERT."""
    tiny_bert(folder)
    torch.manual_seed(0)
    kind(settings).save_pretrained(folder)
    return find_base_model(str(folder))


def test_slots_are_all_weights_under_their_names_in_the_model_s_own_files(
    whole: TaggingModel,
) -> None:
    weights = whole.slots.read()

    assert weights.keys() == whole.model.state_dict().keys()
    # Embeddings of 19 words, 64 positions and 2 kinds, 32 wide, and their norm: 85 * 32 + 64.
    # A layer: 4 * (32 * 32 + 32) of attention, 32 * 64 + 64 and 64 * 32 + 32, and two norms of 64.
    # The head: 6 tags of 32, and 6.
    assert sum(array.size for array in weights.values()) == 2784 + 2 * 8544 + 198
    assert whole.slots.head == {*HEAD}


def test_all_that_stands_in_the_slots_is_trained_and_nothing_else(whole: TaggingModel) -> None:
    trainable = [p for p in whole.model.parameters() if p.requires_grad]

    assert {id(p) for p in trainable} == {id(p) for p in whole.slots.parameters.values()}


def test_what_is_written_is_read_back_to_the_bit_and_is_what_the_model_computes_with(
    whole: TaggingModel, bert: BaseModel
) -> None:
    weights = noise(whole.slots.read(), 1)

    whole.slots.write(weights)

    assert same(whole.slots.read(), weights)
    other = whole_of(bert, seed=1)
    loaded = {name: torch.from_numpy(array) for name, array in weights.items()}
    other.model.load_state_dict(loaded)
    other.model.eval()
    with torch.inference_mode():
        assert torch.equal(whole.logits(IDS, ONES), other.logits(IDS, ONES))


def test_it_starts_from_the_base_s_own_weights_and_a_head_by_the_seed(bert: BaseModel) -> None:
    one, again, other = (whole_of(bert, seed=seed).slots.read() for seed in (5, 5, 6))
    own = load_file(bert.folder / "model.safetensors")

    assert same(one, again)
    for name in one.keys() - {*HEAD}:
        assert np.array_equal(one[name], own[name.removeprefix("bert.")])
        assert np.array_equal(one[name], other[name])
    assert not np.array_equal(one["classifier.weight"], other["classifier.weight"])
    assert one["classifier.bias"].reshape(2, 3).tolist() == [[4.0, 0.0, 0.0]] * 2


def test_a_step_moves_the_base_and_the_head_each_at_its_own_rate(
    whole: TaggingModel, accelerator: Accelerator, rates: list[list[float]]
) -> None:
    settings = replace(TRAINING, learning_rate=0.001, head_learning_rate=0.03, rate_ratio=9.0)
    before = whole.slots.read()

    train(whole, examples(4), PLAN, settings=settings, accelerator=accelerator)

    after = whole.slots.read()
    # One step, at progress 1/2, so half of each peak.
    assert rates == [pytest.approx([0.0005, 0.015], rel=1e-12)]
    # Adam's first step is as long as the rate, or shorter where the gradient is next to nothing.
    moved = {name: float(np.abs(after[name] - before[name]).max()) for name in after}
    assert moved["classifier.weight"] == pytest.approx(0.015, rel=0.01)
    assert moved[WORDS] == pytest.approx(0.0005, rel=0.01)
    assert all(0 < moved[name] < 0.000505 for name in moved.keys() - {*HEAD})


def test_the_same_seed_trains_the_same_bytes_and_the_loss_falls(
    bert: BaseModel, accelerator: Accelerator
) -> None:
    models = [whole_of(bert) for _ in range(2)]
    given, settings = examples(8), replace(TRAINING, epochs=10)
    before = mean_loss(models[0], given)

    for model in models:
        train(model, given, PLAN, settings=settings, accelerator=accelerator)

    assert same(models[0].slots.read(), models[1].slots.read())
    assert mean_loss(models[0], given) < before / 2


def test_nothing_drops_out_in_training(whole: TaggingModel) -> None:
    whole.model.train()

    with torch.inference_mode():
        assert torch.equal(whole.logits(IDS, ONES), whole.logits(IDS, ONES))


def test_narrow_products_leave_weights_and_their_steps_wide(
    bert: BaseModel, accelerator: Accelerator
) -> None:
    wide, narrow = whole_of(bert), whole_of(bert, dtype="bfloat16")
    start = narrow.slots.read()
    with torch.inference_mode():
        exact, rounded = wide.logits(IDS, ONES), narrow.logits(IDS, ONES)
    settings = replace(TRAINING, learning_rate=1e-7, head_learning_rate=1e-7)

    train(narrow, examples(4), PLAN, settings=settings, accelerator=accelerator)

    assert {parameter.dtype for parameter in narrow.model.parameters()} == {torch.float32}
    assert not torch.equal(exact, rounded)
    # bfloat16 has 8 bits: a step of 5e-8 would be lost on any weight above 2e-5.
    moved = narrow.slots.read()[WORDS] != start[WORDS]
    assert (moved & (np.abs(start[WORDS]) > 1e-3)).any()


def test_what_no_tag_depends_on_is_neither_trained_nor_sent(
    tmp_path: Path, accelerator: Accelerator
) -> None:
    settings = BigBirdConfig(
        vocab_size=19,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=NUM_POSITIONS,
        attention_type="original_full",
    )
    whole = whole_of(tiny_as(tmp_path, BigBirdModel, settings))
    pooler = {n: p.detach().clone() for n, p in whole.model.named_parameters() if ".pooler." in n}

    train(whole, examples(4), PLAN, settings=TRAINING, accelerator=accelerator)

    assert len(pooler) == 2
    assert not any(whole.model.get_parameter(name).requires_grad for name in pooler)
    assert whole.slots.read().keys() == whole.model.state_dict().keys() - pooler.keys()
    assert all(torch.equal(whole.model.get_parameter(name), pooler[name]) for name in pooler)


def test_a_weight_used_in_two_places_travels_once(tmp_path: Path) -> None:
    settings = T5Config(vocab_size=19, d_model=32, d_kv=16, d_ff=64, num_layers=1, num_heads=2)
    whole = whole_of(tiny_as(tmp_path, T5EncoderModel, settings))
    weights = whole.model.state_dict()
    first = weights["transformer.shared.weight"].data_ptr()

    tied = {name for name, tensor in weights.items() if tensor.data_ptr() == first}

    assert len(tied) == 2
    assert len(tied & whole.slots.read().keys()) == 1


def test_activations_computed_again_give_the_same_gradients(whole: TaggingModel) -> None:
    def gradients() -> list[torch.Tensor]:
        whole.model.train()
        whole.model.zero_grad()
        whole.objective(examples(4)).backward()  # type: ignore[no-untyped-call]
        return [p.grad.clone() for p in whole.slots.parameters.values() if p.grad is not None]

    plain = gradients()
    recompute_activations(whole.model, whole.dtype)
    again = gradients()

    assert len(plain) == len(again) == len(whole.slots.parameters)
    assert all(torch.equal(one, other) for one, other in zip(plain, again, strict=True))
    assert any(getattr(one, "gradient_checkpointing", False) for one in whole.model.modules())


def test_a_decoder_is_trained_whole_as_well(llama: BaseModel, accelerator: Accelerator) -> None:
    whole = whole_of(llama)
    before = whole.slots.read()

    train(whole, examples(4), PLAN, settings=TRAINING, accelerator=accelerator)

    assert whole.num_positions == NUM_POSITIONS
    assert whole.slots.head == {"score.bias", "score.weight"}
    assert not any(np.array_equal(before[n], after) for n, after in whole.slots.read().items())
