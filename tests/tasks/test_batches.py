from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fedmedlora.tasks.batches import padded, shuffled_batches, sorted_batches
from fedmedlora.tasks.tagging import IGNORED, TaggingExample

PAD = 99
lengths_lists = st.lists(st.integers(1, 40), max_size=150)


def example(*ids: int, channels: int = 2, target: int = 0) -> TaggingExample:
    return TaggingExample(ids, np.full((len(ids), channels), target, dtype=np.int64))


def of_lengths(lengths: Sequence[int]) -> list[TaggingExample]:
    """Examples of these lengths; the first id of each is its place."""
    return [example(place, *[0] * (length - 1)) for place, length in enumerate(lengths)]


def drawn(lengths: Sequence[int], *, size: int, seed: int) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    batches = shuffled_batches(of_lengths(lengths), batch_size=size, rng=rng)
    return [[example.input_ids[0] for example in batch] for batch in batches]


class TestPadded:
    def test_fills_up_on_the_right_to_the_longest(self) -> None:
        batch = padded([example(5, 6, 7), example(8, target=1)], pad_id=PAD)

        assert batch.input_ids.tolist() == [[5, 6, 7], [8, PAD, PAD]]
        assert batch.attention.tolist() == [[1, 1, 1], [1, 0, 0]]
        assert batch.targets[1].tolist() == [[1, 1], [IGNORED, IGNORED], [IGNORED, IGNORED]]

    def test_a_pad_id_in_the_text_is_still_attended_to(self) -> None:
        assert padded([example(PAD, 5)], pad_id=PAD).attention.tolist() == [[1, 1]]

    def test_targets_may_have_no_channels(self) -> None:
        one = TaggingExample((5, 6), np.array([1, IGNORED]))
        other = TaggingExample((5, 6, 7), np.array([1, 2, 3]))

        batch = padded([one, other], pad_id=PAD)

        assert batch.targets.tolist() == [[1, IGNORED, IGNORED], [1, 2, 3]]
        assert batch.num_label_tokens == 4

    def test_a_position_with_one_known_channel_is_one_label_token(self) -> None:
        targets = np.array([[IGNORED, IGNORED], [0, IGNORED], [0, 1]])
        one = TaggingExample((5, 6, 7), targets)

        batch = padded([one, example(5, 6, 7, 8)], pad_id=PAD)

        assert one.num_label_tokens == 2
        assert batch.num_label_tokens == 6  # 2 + 4

    @given(st.lists(st.integers(1, 9), min_size=1, max_size=6))
    def test_padding_adds_no_label_token(self, lengths: list[int]) -> None:
        assert padded(of_lengths(lengths), pad_id=PAD).num_label_tokens == sum(lengths)


class TestShuffledBatches:
    @given(lengths_lists, st.integers(1, 4))
    def test_each_example_comes_once_in_as_few_batches_as_can_be(
        self, lengths: list[int], size: int
    ) -> None:
        batches = drawn(lengths, size=size, seed=0)

        assert sorted(place for batch in batches for place in batch) == list(range(len(lengths)))
        assert len(batches) == -(-len(lengths) // size)
        assert all(0 < len(batch) <= size for batch in batches)

    def test_the_same_rng_gives_the_same_batches_and_another_gives_others(self) -> None:
        lengths = [1 + place % 7 for place in range(100)]

        assert drawn(lengths, size=4, seed=3) == drawn(lengths, size=4, seed=3)
        assert drawn(lengths, size=4, seed=3) != drawn(lengths, size=4, seed=4)

    def test_a_second_epoch_with_the_rng_is_drawn_anew(self) -> None:
        rng, examples = np.random.default_rng(0), of_lengths([2] * 50)

        first = shuffled_batches(examples, batch_size=5, rng=rng)
        second = shuffled_batches(examples, batch_size=5, rng=rng)

        assert first != second

    def test_like_lengths_share_a_batch(self) -> None:
        # 32 short and 32 long ones are one stretch of 16 batches of 4: sorted, none is mixed.
        lengths = [2, 30] * 32

        batches = drawn(lengths, size=4, seed=0)

        assert all(len({lengths[place] for place in batch}) == 1 for batch in batches)

    def test_batches_are_not_in_order_of_length(self) -> None:
        lengths = list(range(1, 65))

        longest = [
            max(lengths[place] for place in batch) for batch in drawn(lengths, size=4, seed=0)
        ]

        assert longest != sorted(longest)


class TestSortedBatches:
    @given(lengths_lists)
    def test_places_name_each_example_once(self, lengths: list[int]) -> None:
        examples = of_lengths(lengths)

        batches = list(sorted_batches(examples, max_tokens=64))

        places = [place for batch, _ in batches for place in batch]
        assert sorted(places) == list(range(len(lengths)))
        assert all(examples[p] is e for ps, es in batches for p, e in zip(ps, es, strict=True))

    @given(lengths_lists)
    def test_a_batch_of_several_stays_within_the_limit_with_its_padding(
        self, lengths: list[int]
    ) -> None:
        for _, batch in sorted_batches(of_lengths(lengths), max_tokens=64):
            longest = max(len(example.input_ids) for example in batch)
            assert len(batch) == 1 or len(batch) * longest <= 64

    @given(st.permutations(list(range(1, 30))))
    def test_the_order_of_the_input_does_not_change_the_batches(self, lengths: list[int]) -> None:
        # All lengths differ, so a length names its example.
        batches = sorted_batches(of_lengths(lengths), max_tokens=64)
        expected = sorted_batches(of_lengths(sorted(lengths)), max_tokens=64)

        assert [[lengths[p] for p in places] for places, _ in batches] == [
            [p + 1 for p in places] for places, _ in expected
        ]

    def test_an_example_longer_than_the_limit_stands_alone(self) -> None:
        batches = [places for places, _ in sorted_batches(of_lengths([9, 3, 3]), max_tokens=6)]

        assert batches == [[1, 2], [0]]

    def test_nothing_gives_no_batch(self) -> None:
        assert list(sorted_batches([], max_tokens=6)) == []


def test_an_example_has_as_many_label_tokens_as_positions_with_a_target() -> None:
    one = TaggingExample((1, 2, 3), np.array([[IGNORED], [0], [2]]))

    assert one.num_label_tokens == 2
