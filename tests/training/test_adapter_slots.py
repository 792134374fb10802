import numpy as np
import pytest

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.errors import ModelError
from fedmedlora.training.tagging_model import TaggingModel

HEAD = "base_model.model.classifier.weight"
A_FACTOR = "base_model.model.bert.encoder.layer.0.attention.self.query.lora_A.weight"


def noise(like: AdapterWeights, seed: int) -> dict[str, np.ndarray[tuple[int, ...], np.dtype]]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=like[name].shape).astype(np.float32) for name in like}


def same(left: AdapterWeights, right: AdapterWeights) -> bool:
    return set(left) == set(right) and all(np.array_equal(left[n], right[n]) for n in left)


def test_slots_are_the_factors_and_the_head_under_their_names_in_peft(
    tagger: TaggingModel,
) -> None:
    shapes = {name: array.shape for name, array in tagger.slots.read().items()}

    # 2 layers of 6 linear modules, each with A and B, and the head's weight and bias
    assert len(shapes) == 2 * 6 * 2 + 2
    assert shapes[A_FACTOR] == (4, 32)
    assert shapes[A_FACTOR.replace("lora_A", "lora_B")] == (32, 4)
    assert shapes[HEAD] == (6, 32)  # 2 types of 3 tags


def test_nothing_but_the_slots_can_be_trained(tagger: TaggingModel) -> None:
    trainable = sum(p.numel() for p in tagger.model.parameters() if p.requires_grad)

    assert trainable == sum(array.size for array in tagger.slots.read().values())


def test_what_is_written_is_read_back_to_the_bit(tagger: TaggingModel) -> None:
    adapter = noise(tagger.slots.read(), 1)

    tagger.slots.write(adapter)

    assert same(tagger.slots.read(), adapter)
    assert all(array.dtype == np.float32 for array in tagger.slots.read().values())


def test_what_was_read_does_not_change_with_the_model(tagger: TaggingModel) -> None:
    before = tagger.slots.read()
    kept = {name: array.copy() for name, array in before.items()}

    tagger.slots.write(noise(before, 1))

    assert same(before, kept)


def test_what_was_written_does_not_change_with_the_model(tagger: TaggingModel) -> None:
    adapter = noise(tagger.slots.read(), 1)
    kept = {name: array.copy() for name, array in adapter.items()}
    tagger.slots.write(adapter)

    tagger.slots.write(noise(adapter, 2))

    assert same(adapter, kept)


@pytest.mark.parametrize("change", ["missing", "extra"])
def test_other_names_are_refused(tagger: TaggingModel, change: str) -> None:
    adapter = noise(tagger.slots.read(), 1)
    if change == "missing":
        del adapter[HEAD]
    else:
        adapter["other"] = np.zeros(1, dtype=np.float32)

    with pytest.raises(ModelError, match=r"expected 26; differing: (other|.*classifier\.weight);"):
        tagger.slots.write(adapter)


def test_another_rank_is_refused_and_changes_nothing(tagger: TaggingModel) -> None:
    before = tagger.slots.read()
    adapter = noise(before, 1)
    adapter[A_FACTOR] = np.zeros((8, 32), dtype=np.float32)

    with pytest.raises(
        ModelError, match=r"found \(8, 32\), expected \(4, 32\); use the base, rank"
    ):
        tagger.slots.write(adapter)

    assert same(tagger.slots.read(), before)
