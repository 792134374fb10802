import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.training.tiny_decoders import ARCHITECTURES, tiny_decoder
from tests.training.tiny_models import LORA, NUM_POSITIONS, tagger_of
from transformers import LlamaConfig

from fedmedlora.errors import ModelError
from fedmedlora.tasks.tagging import BEGIN, IGNORED, INSIDE, OUTSIDE, TaggingExample
from fedmedlora.training import tagging_model
from fedmedlora.training.base_models import BaseModel, find_base_model

IDS = torch.tensor([[2, 8, 10, 3]])
ONES = torch.ones_like(IDS)


def copied(base: BaseModel, folder: Path) -> Path:
    return shutil.copytree(base.folder, folder / "copy")


@pytest.mark.parametrize("kind", ["bert", "llama"])
def test_any_base_gives_logits_by_channel_and_tag(
    kind: str, request: pytest.FixtureRequest
) -> None:
    model = tagger_of(request.getfixturevalue(kind))

    assert model.logits(IDS, ONES).shape == (1, 4, 2, 3)


@pytest.mark.parametrize("kind", ["bert", "llama"])
def test_a_fresh_adapter_changes_nothing_in_the_base(
    kind: str, request: pytest.FixtureRequest
) -> None:
    tagger = tagger_of(request.getfixturevalue(kind))
    tagger.model.eval()

    with torch.inference_mode():
        adapted = tagger.logits(IDS, ONES)
        for name, parameter in tagger.slots.parameters.items():
            parameter.mul_(0 if ".lora_" in name else 1)
        bare = tagger.logits(IDS, ONES)

    assert torch.equal(adapted, bare)


def test_a_layer_is_changed_by_alpha_over_rank_times_b_times_a(bert: BaseModel) -> None:
    tagger = tagger_of(bert, lora=replace(LORA, rank=2, alpha=6))
    layer = next(
        m for name, m in tagger.model.named_modules() if name.endswith("0.attention.self.query")
    )
    with torch.no_grad():
        layer.lora_A["default"].weight.fill_(0.5)
        layer.lora_B["default"].weight.fill_(0.25)

    found = layer.get_delta_weight("default")

    # 6 / 2 * (0.25 * 0.5 + 0.25 * 0.5), for every pair of features.
    assert torch.equal(found, torch.full_like(layer.base_layer.weight, 0.75))


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(bert: BaseModel) -> None:
    one, same, other = (tagger_of(bert, seed=seed).slots.read() for seed in (5, 5, 6))

    assert all(np.array_equal(one[name], same[name]) for name in one)
    assert not np.array_equal(
        one["base_model.model.classifier.weight"], other["base_model.model.classifier.weight"]
    )


def test_a_fresh_head_takes_every_token_for_outside(bert: BaseModel) -> None:
    bias = tagger_of(bert).slots.read()["base_model.model.classifier.bias"]

    assert bias.reshape(2, 3).tolist() == [[4.0, 0.0, 0.0], [4.0, 0.0, 0.0]]


@pytest.mark.parametrize(("dropout", "is_steady"), [(0.0, True), (0.5, False)])
def test_nothing_drops_out_in_training_but_by_the_adapter_s_own_setting(
    bert: BaseModel, dropout: float, *, is_steady: bool
) -> None:
    tagger = tagger_of(bert, lora=replace(LORA, dropout=dropout))
    # A fresh adapter adds nothing to the base, so nothing of it could drop out.
    noise = {name: np.ones_like(array) for name, array in tagger.slots.read().items()}
    tagger.slots.write(noise)
    tagger.model.train()

    with torch.inference_mode():
        once, again = tagger.logits(IDS, ONES), tagger.logits(IDS, ONES)

    assert torch.equal(once, again) is is_steady


@pytest.mark.parametrize("architecture", [*ARCHITECTURES])
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_a_decoder_that_tags_sees_what_stands_behind(
    architecture: str, attention: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tagging_model, "_attention", lambda: attention)
    tagger = tagger_of(tiny_decoder(tmp_path, architecture))
    tagger.model.eval()
    other = torch.tensor([[2, 8, 10, 7]])

    with torch.inference_mode():
        first, again = (tagger.logits(ids, ONES)[0, 0] for ids in (IDS, other))
        # What is padding is not seen by anybody.
        padded = tagger.logits(other, torch.tensor([[1, 1, 1, 0]]))[0, 0]
        shorter = tagger.logits(IDS[:, :3], ONES[:, :3])[0, 0]

    assert not torch.equal(first, again)
    torch.testing.assert_close(padded, shorter)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_a_decoder_that_cannot_look_both_ways_is_refused(
    attention: str, llama: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tagging_model, "_attention", lambda: attention)
    monkeypatch.setattr(LlamaConfig, "is_causal", property(lambda _: True, lambda *_: None), False)

    with pytest.raises(ModelError, match="LlamaForTokenClassification, whose tokens do not"):
        tagger_of(llama)


def test_in_training_b_and_i_count_more(bert: BaseModel) -> None:
    targets = np.array(
        [[IGNORED, IGNORED], [OUTSIDE, BEGIN], [INSIDE, OUTSIDE], [OUTSIDE, IGNORED]]
    )
    example = TaggingExample(tuple(IDS[0].tolist()), targets)
    plain, weighted = tagger_of(bert), tagger_of(bert, mark_weight=3.0)
    for model in (plain, weighted):
        model.model.eval()
    logits = plain.logits(IDS, ONES)[0]
    of_marks = -sum(
        logits[place, channel].log_softmax(-1)[tag]
        for place, channel, tag in [(1, 1, 1), (2, 0, 2)]
    )

    nats = plain.nats([example])
    torch.testing.assert_close(plain.objective([example]), nats)
    torch.testing.assert_close(weighted.nats([example]), nats)
    torch.testing.assert_close(weighted.objective([example]), nats + 2 * of_marks)


def test_loading_is_silent(bert: BaseModel, capfd: pytest.CaptureFixture[str]) -> None:
    tagger_of(bert)

    assert capfd.readouterr() == ("", "")


def test_target_modules_limit_what_is_adapted(bert: BaseModel) -> None:
    adapter = tagger_of(bert, lora=replace(LORA, target_modules=("query",))).slots.read()

    factors = [name for name in adapter if ".lora_" in name]
    assert len(factors) == 2 * 2  # A and B in each of 2 layers
    assert all(".query." in name for name in factors)


def test_unknown_target_modules_are_refused(bert: BaseModel) -> None:
    with pytest.raises(
        ModelError, match=r"found no linear layers for target_modules \('no_such',\)"
    ):
        tagger_of(bert, lora=replace(LORA, target_modules=("no_such",)))


def test_weights_that_are_missing_in_the_base_are_refused(bert: BaseModel, tmp_path: Path) -> None:
    folder = copied(bert, tmp_path)
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(
        ModelError,
        match=r"found 1 weights missing, as 'bert\.encoder\.layer\.1\.output\.dense\.weight'",
    ):
        tagger_of(find_base_model(str(folder)))


def test_a_base_that_cannot_tag_is_refused(bert: BaseModel, tmp_path: Path) -> None:
    folder = copied(bert, tmp_path)
    settings = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps({**settings, "model_type": "vit"}), "utf-8")

    with pytest.raises(ModelError, match="found no architecture that can tag tokens"):
        tagger_of(BaseModel("eyes", folder, "", 0))


def test_a_base_says_how_many_tokens_it_reads(bert: BaseModel, llama: BaseModel) -> None:
    assert tagger_of(bert).num_positions == NUM_POSITIONS
    assert tagger_of(llama).num_positions == NUM_POSITIONS


def test_positions_that_stand_for_padding_cannot_be_read(bert: BaseModel, tmp_path: Path) -> None:
    folder = copied(bert, tmp_path)
    settings = json.loads((folder / "config.json").read_text("utf-8"))
    changed = {**settings, "model_type": "roberta", "pad_token_id": 1}
    (folder / "config.json").write_text(json.dumps(changed), "utf-8")
    weights = load_file(folder / "model.safetensors")
    renamed = {f"roberta.{name}": tensor for name, tensor in weights.items()}
    save_file(renamed, folder / "model.safetensors", metadata={"format": "pt"})

    # RoBERTa numbers positions from 2 on, behind its padding index 1.
    assert tagger_of(find_base_model(str(folder))).num_positions == NUM_POSITIONS - 2


def test_what_is_trained_is_wide_in_a_narrow_base(bert: BaseModel) -> None:
    model = tagger_of(bert, dtype="bfloat16").model

    assert {p.dtype for p in model.parameters() if p.requires_grad} == {torch.float32}
    frozen = {p.dtype for name, p in model.named_parameters() if ".encoder." in name}
    assert frozen == {torch.bfloat16, torch.float32}  # its own weights, and adapters beside them


def test_nothing_is_kept_for_a_next_token(llama: BaseModel) -> None:
    model: Any = tagger_of(llama).model

    assert model.get_base_model().base_model(input_ids=IDS).past_key_values is None


def test_narrow_products_differ_and_come_back_wide(bert: BaseModel) -> None:
    wide, narrow = tagger_of(bert), tagger_of(bert, dtype="bfloat16")
    wide.model.eval()
    narrow.model.eval()

    with torch.inference_mode():
        exact, rounded = wide.logits(IDS, ONES), narrow.logits(IDS, ONES)

    assert rounded.dtype == exact.dtype == torch.float32
    assert not torch.equal(exact, rounded)
    assert torch.allclose(exact, rounded, atol=0.05)  # bfloat16 keeps 8 bits: 4 / 256 and a little
