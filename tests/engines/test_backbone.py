from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from tests.engines.backbones import tagging_backbone, whole_backbone
from tests.training.tiny_models import LORA, TRAINING, examples

from fedmedlora.adapters.kinds import as_kinds
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.clinical.labels import MAIN_TYPES
from fedmedlora.engines.backbone import HuggingFaceBackbone
from fedmedlora.errors import ModelError, TrainingError
from fedmedlora.federation.backbone import LocalPlan, Steering
from fedmedlora.tasks.reading import Reading
from fedmedlora.tasks.tagging import Tagging, TaggingExample
from fedmedlora.tasks.task import Output
from fedmedlora.training.base_models import MINILM_SHA256, BaseModel, find_base_model
from fedmedlora.training.settings import LoraSettings
from fedmedlora.training.tokenizers import HuggingFaceTokenizer

Tagger = HuggingFaceBackbone[TaggingExample]

PLAN = LocalPlan(seed=7, round_index=1, num_rounds=1)


def same(left: AdapterWeights, right: AdapterWeights) -> bool:
    return all(np.array_equal(left[name], right[name]) for name in left)


def noise(like: AdapterWeights, seed: int) -> AdapterWeights:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=like[name].shape).astype(np.float32) for name in like}


def as_lists(outputs: Sequence[Output]) -> list[list[list[int]]]:
    return [one.values.tolist() for one in outputs]


def test_every_backbone_of_one_seed_starts_from_one_adapter(
    backbone: Tagger, bert: BaseModel
) -> None:
    assert same(backbone.initial(), tagging_backbone(bert).initial())


def test_the_start_stays_what_it_was_after_training(
    backbone: Tagger,
) -> None:
    before = {name: array.copy() for name, array in backbone.initial().items()}

    trained = backbone.train(backbone.initial(), examples(8), PLAN)

    assert same(backbone.initial(), before)
    assert not same(trained.adapter, before)


def test_training_reports_its_label_tokens_and_loss(
    backbone: Tagger,
) -> None:
    given = examples(8)

    trained = backbone.train(backbone.initial(), given, PLAN)

    # All but the first and last position of each example.
    assert trained.num_tokens == sum(len(example.input_ids) - 2 for example in given)
    # Between the loss of the start, whose head says O with 4, and nothing.
    assert 0 < trained.loss < 2 * backbone.loss(backbone.initial(), given)


def test_what_a_method_freezes_stays_and_the_rest_learns(backbone: Tagger) -> None:
    start = noise(backbone.initial(), 1)
    frozen = frozenset(name for name in start if ".lora_A." in name)

    trained = backbone.train(start, examples(8), PLAN, steering=Steering(frozen=frozen))

    assert frozen
    stayed = {name for name in start if np.array_equal(trained.adapter[name], start[name])}
    assert stayed == frozen


def test_a_training_tells_the_mean_of_its_gradients_where_they_are_wanted(
    backbone: Tagger,
) -> None:
    start, given = noise(backbone.initial(), 1), examples(8)

    plain = backbone.train(start, given, PLAN)
    told = backbone.train(start, given, PLAN, steering=Steering(tells_gradient=True))

    assert plain.gradient == {}
    assert same(plain.adapter, told.adapter)
    assert told.gradient.keys() == start.keys()
    assert all(np.abs(told.gradient[name]).max() > 0 for name in start)


def test_a_strong_pull_keeps_an_adapter_near_its_start(backbone: Tagger) -> None:
    start, given = noise(backbone.initial(), 1), examples(8)

    def distance(proximal: float) -> float:
        trained = backbone.train(start, given, PLAN, steering=Steering(proximal=proximal))
        return sum(float(np.abs(trained.adapter[name] - start[name]).sum()) for name in start)

    assert distance(1e4) < distance(0.0)


def as_patch(adapter: AdapterWeights, kind: str = "patch1") -> AdapterWeights:
    return as_kinds(**{kind: {name: adapter[name] for name in adapter if ".lora_" in name}})


def test_what_is_folded_into_the_base_does_what_it_did_beside_it(backbone: Tagger) -> None:
    given, untrained = examples(10), backbone.initial()
    adapter = {**noise(untrained, 1), **{n: t for n, t in untrained.items() if ".lora_" not in n}}
    beside = backbone.loss(adapter, given)

    folded = backbone.loss({**untrained, **as_patch(adapter)}, given)
    half = {n: t * np.float32(0.5) if ".lora_B." in n else t for n, t in adapter.items()}
    in_halves = backbone.loss({**untrained, **as_patch(half), **as_patch(half, "patch2")}, given)

    assert beside != backbone.loss(untrained, given)
    assert folded == pytest.approx(beside, rel=1e-5)
    assert in_halves == pytest.approx(beside, rel=1e-5)


def test_a_base_is_as_it_was_once_nothing_is_folded_into_it(backbone: Tagger) -> None:
    given, adapter = examples(10), noise(backbone.initial(), 1)
    before = backbone.loss(adapter, given)

    backbone.train({**adapter, **as_patch(noise(adapter, 2))}, given, PLAN)
    backbone.answer({**adapter, **as_patch(noise(adapter, 3))}, given)

    assert backbone.loss(adapter, given) == before


def test_a_patch_of_another_base_is_refused(backbone: Tagger) -> None:
    patch = {f"patch1/other.lora_{f}.weight": np.ones((1, 1), np.float32) for f in "AB"}

    with pytest.raises(ModelError, match=r"found a patch of 'other.lora_A.weight', expected one"):
        backbone.loss({**backbone.initial(), **patch}, examples(1))
    # What was half done is not taken for done.
    with pytest.raises(ModelError, match="found a patch of"):
        backbone.loss({**backbone.initial(), **patch}, examples(1))


def test_a_site_s_own_alpha_counts_in_training_alone(backbone: Tagger) -> None:
    given, adapter = examples(8), noise(backbone.initial(), 1)
    half = {n: t * np.float32(0.5) if ".lora_B." in n else t for n, t in adapter.items()}
    before = backbone.loss(adapter, given)
    frozen = Steering(frozen=frozenset(adapter), scaling=2.0)

    # Nothing is trained, so that the loss of training is that of the start.
    trained = backbone.train(half, given, PLAN, steering=frozen)
    plain = backbone.train(adapter, given, PLAN, steering=replace(frozen, scaling=1.0))

    assert trained.loss == pytest.approx(plain.loss, rel=1e-5)
    assert backbone.loss(adapter, given) == before


def test_an_adapter_does_as_in_a_fresh_model_whatever_was_there_before(bert: BaseModel) -> None:
    # With dropout, a model left in training would answer at random.
    lora, given = replace(LORA, dropout=0.5), examples(10)
    used, expected = tagging_backbone(bert, lora=lora), tagging_backbone(bert, lora=lora)
    adapter = noise(used.initial(), 1)
    tags, loss = expected.answer(adapter, given), expected.loss(adapter, given)
    trained = expected.train(adapter, given, PLAN)

    checks: list[Callable[[], bool]] = [
        lambda: as_lists(used.answer(adapter, given)) == as_lists(tags),
        lambda: used.loss(adapter, given) == loss,
        lambda: same(used.train(adapter, given, PLAN).adapter, trained.adapter),
    ]
    for seed, check in enumerate(checks):
        used.train(noise(adapter, seed), given, PLAN)
        assert check()


def test_other_adapters_answer_otherwise(backbone: Tagger) -> None:
    given = examples(10)
    one, other = (noise(backbone.initial(), seed) for seed in (1, 2))

    assert as_lists(backbone.answer(one, given)) != as_lists(backbone.answer(other, given))


def test_an_adapter_of_another_rank_is_refused(backbone: Tagger, bert: BaseModel) -> None:
    wide = tagging_backbone(bert, lora=replace(LORA, rank=8))

    with pytest.raises(ModelError, match=r"lora_A\.weight': found \(8, 32\), expected \(4, 32\)"):
        backbone.answer(wide.initial(), examples(1))


def test_activations_computed_again_give_the_same_bytes(backbone: Tagger, bert: BaseModel) -> None:
    saving = tagging_backbone(bert, training=replace(TRAINING, gradient_checkpointing=True))

    trained = [one.train(one.initial(), examples(8), PLAN) for one in (backbone, saving)]

    model: Any = saving.learner.model
    assert model.get_base_model().is_activation_checkpointing
    assert same(trained[0].adapter, trained[1].adapter)


class TestWhole:
    def test_weights_do_as_in_a_fresh_model_whatever_was_there_before(
        self, bert: BaseModel
    ) -> None:
        used, expected = whole_backbone(bert), whole_backbone(bert)
        weights, given = noise(used.initial(), 1), examples(10)
        used.train(used.initial(), given, PLAN)

        assert used.loss(weights, given) == expected.loss(weights, given)
        assert as_lists(used.answer(weights, given)) == as_lists(expected.answer(weights, given))
        trained = used.train(used.initial(), given, PLAN).adapter
        assert same(trained, expected.train(used.initial(), given, PLAN).adapter)

    def test_activations_computed_again_give_the_same_bytes(self, bert: BaseModel) -> None:
        saving = replace(TRAINING, gradient_checkpointing=True)
        plain, again = whole_backbone(bert), whole_backbone(bert, training=saving)

        trained = [one.train(one.initial(), examples(8), PLAN).adapter for one in (plain, again)]

        model: Any = again.learner.model
        assert model.is_activation_checkpointing
        assert same(*trained)

    def test_a_patch_is_refused(self, bert: BaseModel) -> None:
        backbone = whole_backbone(bert)
        patch = {f"patch1/q.lora_{f}.weight": np.ones((1, 1), np.float32) for f in "AB"}

        with pytest.raises(ModelError, match=r"found a patch of 'q.lora_A.weight', expected one"):
            backbone.loss({**backbone.initial(), **patch}, examples(1))

    def test_peft_has_nothing_to_load(self, bert: BaseModel) -> None:
        with pytest.raises(TypeError, match="found BertForTokenClassification, expected a model"):
            whole_backbone(bert).peft_config()


def test_nan_in_an_adapter_stops_its_training_alone(
    backbone: Tagger,
) -> None:
    spoilt = noise(backbone.initial(), 1)
    spoilt["base_model.model.classifier.bias"][0] = np.nan

    with pytest.raises(TrainingError, match="found a loss of nan"):
        backbone.train(spoilt, examples(8), PLAN)

    assert backbone.train(backbone.initial(), examples(8), PLAN).loss > 0


def test_memory_that_runs_out_is_told_with_what_to_do(
    backbone: Tagger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(backbone.learner.slots, "read", full)
    for verb in ("nats", "objective"):
        monkeypatch.setattr(type(backbone.learner), verb, full)
    monkeypatch.setattr(backbone, "_ask", full)

    with pytest.raises(TrainingError, match=r"too little memory, .* lower training\.batch_size"):
        backbone.train(backbone.initial(), examples(8), PLAN)
    with pytest.raises(ModelError, match=r"validation: found too little memory"):
        backbone.loss(backbone.initial(), examples(8))
    with pytest.raises(ModelError, match=r"reading: found too little memory"):
        backbone.answer(backbone.initial(), examples(8))


def test_two_precisions_live_in_one_process(bert: BaseModel) -> None:
    given = examples(8)

    losses = [
        tagging_backbone(bert, dtype=dtype).loss(noise(tagging_backbone(bert).initial(), 1), given)
        for dtype in ("float32", "bfloat16", "float32")
    ]

    assert losses[0] == losses[2] != losses[1]


def test_narrow_training_gives_wide_adapters(bert: BaseModel) -> None:
    backbone = tagging_backbone(bert, dtype="bfloat16")

    adapter = backbone.train(backbone.initial(), examples(8), PLAN).adapter

    assert {array.dtype for array in adapter.values()} == {np.dtype(np.float32)}


def test_what_peft_is_told_holds_no_path_of_this_machine() -> None:
    base = find_base_model("minilm")
    backbone = tagging_backbone(base, ("drug",))

    told = str(backbone.peft_config().to_dict())

    assert backbone.peft_config().base_model_name_or_path == "minilm"
    assert str(base.folder.parent) not in told


def test_minilm_learns_in_one_step() -> None:
    base = find_base_model("minilm")
    tokenizer = HuggingFaceTokenizer(base.folder)
    lora = LoraSettings(rank=16, alpha=64, dropout=0.0, target_modules="all-linear")
    training = replace(TRAINING, learning_rate=1e-3)
    backbone = tagging_backbone(base, MAIN_TYPES, lora=lora, training=training)
    tokens = tokenizer.tokenize("Severe chest pain after aspirin.")
    example = Tagging(MAIN_TYPES, tokenizer).example(
        Reading(tokens, 0, len(tokens.ids), MAIN_TYPES), []
    )
    before = backbone.loss(backbone.initial(), [example])

    trained = backbone.train(backbone.initial(), [example] * 4, PLAN)

    assert backbone.digest == MINILM_SHA256
    assert backbone.num_positions == 512
    # "aspirin" is three tokens and one word.
    assert trained.num_tokens == 4 * (len(tokens.ids) - 2)
    assert backbone.loss(trained.adapter, [example]) < before
