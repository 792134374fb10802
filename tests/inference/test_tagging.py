import numpy as np
import pytest
import torch

from fedmedlora.inference.tagging import tag
from fedmedlora.tasks.tagging import TaggingExample

CPU = torch.device("cpu")
PAD = 0


def example(*ids: int) -> TaggingExample:
    return TaggingExample(ids, np.zeros((len(ids), 2), dtype=np.int64))


def by_id(input_ids: torch.Tensor, attention: torch.Tensor) -> torch.Tensor:
    """A model whose first channel is the id modulo 3 and whose second counts its tokens."""
    first = torch.nn.functional.one_hot(input_ids % 3, 3)
    tokens = attention.sum(dim=1, keepdim=True).expand_as(input_ids)
    second = torch.nn.functional.one_hot(tokens % 3, 3)
    return torch.stack([first, second], dim=2).float()


def test_each_example_gets_its_own_tags_in_the_order_of_the_examples() -> None:
    given = [example(7, 8, 9, 10), example(5), example(3, 4)]

    tags = tag(by_id, given, pad_id=PAD, most_tokens=None, device=CPU)

    assert [t.values[:, 0].tolist() for t in tags] == [[1, 2, 0, 1], [2], [0, 1]]
    # 4, 1 and 2 tokens, modulo 3: padding is not attended to.
    assert [t.values[:, 1].tolist() for t in tags] == [[1, 1, 1, 1], [1], [2, 2]]


def test_tags_are_shaped_like_the_targets() -> None:
    given = [example(*range(1, length)) for length in (9, 3, 6)]

    for one, tags in zip(
        given, tag(by_id, given, pad_id=PAD, most_tokens=None, device=CPU), strict=True
    ):
        assert tags.log_probs is not None
        assert tags.values.shape == tags.log_probs.shape == one.targets.shape
        assert tags.values.dtype == np.int64


def test_with_a_tag_comes_its_log_probability_among_the_three() -> None:
    [told] = tag(by_id, [example(7, 8)], pad_id=PAD, most_tokens=None, device=CPU)

    # Logits 1, 0 and 0 at every place: e / (e + 2) = 0.57612.
    assert told.log_probs is not None
    assert np.exp(told.log_probs) == pytest.approx(np.full((2, 2), 0.57612), abs=1e-5)


def test_nothing_asked_is_nothing_answered() -> None:
    assert tag(by_id, [], pad_id=PAD, most_tokens=None, device=CPU) == []


@pytest.mark.parametrize("number", [1, 300])
def test_any_number_of_examples_is_answered(number: int) -> None:
    given = [example(*[place % 50 + 1] * (1 + place % 20)) for place in range(number)]

    tags = tag(by_id, given, pad_id=PAD, most_tokens=None, device=CPU)

    assert [t.values[0, 0] for t in tags] == [(place % 50 + 1) % 3 for place in range(number)]


def shapes_of(given: list[TaggingExample], most_tokens: int | None) -> set[tuple[int, int]]:
    shapes = set()

    def seen(input_ids: torch.Tensor, attention: torch.Tensor) -> torch.Tensor:
        shapes.add((input_ids.shape[0], input_ids.shape[1]))
        return by_id(input_ids, attention)

    tag(seen, given, pad_id=PAD, most_tokens=most_tokens, device=CPU)
    return shapes


def test_batches_come_in_few_shapes() -> None:
    rng = np.random.default_rng(0)
    shapes = set()
    for _ in range(40):
        given = [example(*[1] * int(length)) for length in rng.integers(1, 129, 60)]
        shapes |= shapes_of(given, None)

    # 16 lengths, and of each no more rows than 1,024 tokens have, or a power of two below it.
    assert {length % 8 for _, length in shapes} == {0}
    assert all(rows * length <= 1024 for rows, length in shapes)
    assert all(rows.bit_count() == 1 or rows == 1024 // length for rows, length in shapes)
    assert len(shapes) < 80


def test_three_short_examples_are_four_rows_of_eight() -> None:
    assert shapes_of([example(1, 2), example(3), example(4)], None) == {(4, 8)}
    assert shapes_of([example(1, 2)], None) == {(1, 8)}


def test_no_batch_is_longer_than_the_model_reads() -> None:
    assert shapes_of([example(*range(1, 11))], 12) == {(1, 12)}
    assert shapes_of([example(*range(1, 11))], 10) == {(1, 10)}
    assert shapes_of([example(*range(1, 2000))], None) == {(1, 2000)}
