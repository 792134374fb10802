from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fedmedlora.tasks.findings import Found, Span
from fedmedlora.tasks.reading import Reading
from fedmedlora.tasks.tagging import BEGIN, IGNORED, INSIDE, OUTSIDE, Tagging
from fedmedlora.tasks.task import Tokenizer, Tokens

TYPES = ("problem", "drug", "dosage")
PROBLEM, DRUG, DOSAGE = range(3)
X, O, B, I = IGNORED, OUTSIDE, BEGIN, INSIDE  # noqa: E741 -- as the tags are called

TEXT = "severe chest pain gone"
#       0      7     13   18
SEVERE_PAIN = Span(0, 17, "problem")
CHEST_PAIN = Span(7, 17, "problem")
PAIN = Span(13, 17, "problem")


@pytest.fixture(scope="session")
def tagging(words: Tokenizer) -> Tagging:
    return Tagging(TYPES, words)


@pytest.fixture
def tokens(words: Tokenizer) -> Tokens:
    return words.tokenize(TEXT)


def whole(tokens: Tokens, *, types: Sequence[str] = TYPES, head: Span | None = None) -> Reading:
    return Reading(tokens, 0, len(tokens.ids), tuple(types), head)


def column(targets: NDArray[np.int64], channel: int) -> list[int]:
    tags: list[int] = targets[:, channel].tolist()
    return tags


class TestExample:
    def test_input_is_the_window_between_prefix_and_suffix(
        self, tagging: Tagging, tokens: Tokens
    ) -> None:
        example = tagging.example(Reading(tokens, 1, 3, TYPES), [])

        assert example.input_ids == (1, 105, 104, 2)  # chest pain

    def test_a_span_is_b_then_i_in_its_own_channel_and_outside_in_the_others(
        self, tagging: Tagging, tokens: Tokens
    ) -> None:
        targets = tagging.example(whole(tokens), [CHEST_PAIN]).targets

        assert targets.shape == (6, 3)
        assert column(targets, PROBLEM) == [X, O, B, I, O, X]
        assert column(targets, DRUG) == [X, O, O, O, O, X]

    def test_a_type_that_is_not_asked_for_is_unknown(
        self, tagging: Tagging, tokens: Tokens
    ) -> None:
        reading = whole(tokens, types=["drug"])

        targets = tagging.example(reading, [CHEST_PAIN]).targets

        assert column(targets, PROBLEM) == [X] * 6
        assert column(targets, DRUG) == [X, O, O, O, O, X]
        assert column(targets, DOSAGE) == [X] * 6

    def test_of_nested_spans_of_one_type_the_longer_stays(
        self, tagging: Tagging, tokens: Tokens
    ) -> None:
        targets = tagging.example(whole(tokens), [PAIN, SEVERE_PAIN, CHEST_PAIN]).targets

        assert column(targets, PROBLEM) == [X, B, I, I, O, X]

    def test_of_crossing_spans_of_one_type_the_longer_stays(
        self, tagging: Tagging, tokens: Tokens
    ) -> None:
        # severe chest (12 characters) and chest pain gone (15)
        crossing = [Span(0, 12, "problem"), Span(7, 22, "problem")]

        targets = tagging.example(whole(tokens), crossing).targets

        assert column(targets, PROBLEM) == [X, O, B, I, I, X]

    def test_of_crossing_spans_of_one_length_the_first_stays(
        self, tagging: Tagging, words: Tokenizer
    ) -> None:
        tokens = words.tokenize("aa bb cc")
        crossing = [Span(3, 8, "problem"), Span(0, 5, "problem")]

        targets = tagging.example(whole(tokens), crossing).targets

        assert column(targets, PROBLEM) == [X, B, I, O, X]

    def test_nested_spans_of_different_types_both_stay(
        self, tagging: Tagging, tokens: Tokens
    ) -> None:
        targets = tagging.example(whole(tokens), [SEVERE_PAIN, Span(13, 17, "drug")]).targets

        assert column(targets, PROBLEM) == [X, B, I, I, O, X]
        assert column(targets, DRUG) == [X, O, O, B, O, X]

    def test_neighbours_of_one_type_are_two_spans(self, tagging: Tagging, tokens: Tokens) -> None:
        spans = [Span(0, 6, "problem"), CHEST_PAIN]

        example = tagging.example(whole(tokens), spans)

        assert column(example.targets, PROBLEM) == [X, B, B, I, O, X]
        assert tagging.found(whole(tokens), example.targets) == Found(tuple(spans))

    def test_a_boundary_inside_a_token_takes_the_whole_token(
        self, tagging: Tagging, tokens: Tokens
    ) -> None:
        inside = Span(8, 15, "problem")  # hest pa

        example = tagging.example(whole(tokens), [inside])

        assert column(example.targets, PROBLEM) == [X, O, B, I, O, X]
        assert tagging.found(whole(tokens), example.targets) == Found((CHEST_PAIN,))

    def test_a_word_is_tagged_at_its_first_token(self, tagging: Tagging) -> None:
        # naus|ea , lasix
        tokens = Tokens("nausea, lasix", (91, 92, 93, 94), ((0, 4), (4, 6), (6, 7), (8, 13)))
        gold = [Span(0, 6, "problem"), Span(8, 13, "problem")]

        example = tagging.example(whole(tokens), gold)

        assert column(example.targets, PROBLEM) == [X, B, X, O, B, X]
        assert example.num_label_tokens == 3
        assert tagging.found(whole(tokens), example.targets) == Found(tuple(gold))

    def test_a_span_outside_the_window_leaves_no_trace(
        self, tagging: Tagging, tokens: Tokens
    ) -> None:
        targets = tagging.example(Reading(tokens, 0, 1, TYPES), [CHEST_PAIN]).targets

        assert column(targets, PROBLEM) == [X, O, X]

    @pytest.mark.parametrize(
        ("first", "last", "tags"), [(0, 2, [X, O, X, X]), (2, 4, [X, X, O, X])]
    )
    def test_a_span_that_the_window_cuts_is_neither_taught_nor_denied(
        self, tagging: Tagging, tokens: Tokens, first: int, last: int, tags: list[int]
    ) -> None:
        targets = tagging.example(Reading(tokens, first, last, TYPES), [CHEST_PAIN]).targets

        assert column(targets, PROBLEM) == tags
        assert IGNORED not in column(targets, DRUG)[1:-1]

    def test_a_span_nested_in_one_that_the_window_cuts_stays(
        self, tagging: Tagging, tokens: Tokens
    ) -> None:
        targets = tagging.example(Reading(tokens, 1, 3, TYPES), [SEVERE_PAIN, PAIN]).targets

        assert column(targets, PROBLEM) == [X, X, B, X]


class TestHead:
    def test_stands_in_brackets_with_its_type(self, tagging: Tagging, tokens: Tokens) -> None:
        example = tagging.example(whole(tokens, head=CHEST_PAIN), [Span(0, 6, "dosage")])

        # severe [ problem chest pain ] gone
        assert example.input_ids == (1, 106, 3, 5, 105, 104, 4, 104, 2)
        assert column(example.targets, DOSAGE) == [X, B, X, X, O, O, X, O, X]

    def test_its_marks_do_not_shift_what_is_read_back(
        self, tagging: Tagging, tokens: Tokens
    ) -> None:
        reading = whole(tokens, head=CHEST_PAIN)
        gold = [Span(0, 6, "dosage"), Span(18, 22, "dosage")]

        assert tagging.found(reading, tagging.example(reading, gold).targets) == Found(tuple(gold))

    def test_is_made_by_the_tags_of_its_words_and_of_the_word_behind(
        self, tagging: Tagging, tokens: Tokens
    ) -> None:
        targets = tagging.example(whole(tokens), [CHEST_PAIN, Span(18, 22, "drug")]).targets

        decided = tagging.found(whole(tokens), targets).decided

        # The frame is place 0; behind "gone" is no word.
        assert decided == {
            CHEST_PAIN: ([2, 3, 4], PROBLEM),
            Span(18, 22, "drug"): ([4], DRUG),
        }

    def test_output_on_marks_and_frame_is_not_read(self, tagging: Tagging, tokens: Tokens) -> None:
        reading = whole(tokens, head=CHEST_PAIN)
        output = np.zeros((9, 3), dtype=np.int64)
        output[[0, 2, 3, 6, 8]] = BEGIN

        assert tagging.found(reading, output) == Found()

    def test_a_head_that_goes_on_beyond_the_window_is_marked_as_far_as_it_is_in_it(
        self, tagging: Tagging, tokens: Tokens
    ) -> None:
        example = tagging.example(Reading(tokens, 0, 2, TYPES, CHEST_PAIN), [])

        assert example.input_ids == (1, 106, 3, 5, 105, 4, 2)  # severe [ problem chest ]

    def test_no_input_is_longer_than_its_window_and_the_marks(
        self, tagging: Tagging, tokens: Tokens
    ) -> None:
        example = tagging.example(whole(tokens, head=CHEST_PAIN), [])

        # prefix 1, suffix 1, [ 1, type 1, ] 1
        assert len(example.input_ids) == len(tokens.ids) + 5
        assert tagging.num_positions(len(tokens.ids)) == len(tokens.ids) + 5


class TestSpans:
    def read(self, tagging: Tagging, tokens: Tokens, tags: list[int]) -> list[tuple[int, int]]:
        output = np.zeros((len(tokens.ids) + 2, 3), dtype=np.int64)
        output[1:-1, PROBLEM] = tags
        return [(span.start, span.end) for span in tagging.found(whole(tokens), output).spans]

    @pytest.mark.parametrize(
        ("tags", "expected"),
        [
            ([O, O, O, O], []),
            ([B, I, I, I], [(0, 22)]),
            ([O, I, I, O], [(7, 17)]),  # I after O opens a span
            ([I, O, O, I], [(0, 6), (18, 22)]),
            ([B, B, I, B], [(0, 6), (7, 17), (18, 22)]),
            ([O, O, O, B], [(18, 22)]),
        ],
    )
    def test_tags_to_characters(
        self, tagging: Tagging, tokens: Tokens, tags: list[int], expected: list[tuple[int, int]]
    ) -> None:
        assert self.read(tagging, tokens, tags) == expected

    def test_types_that_were_not_asked_for_are_not_read(
        self, tagging: Tagging, tokens: Tokens
    ) -> None:
        output = np.full((6, 3), BEGIN)

        found = tagging.found(whole(tokens, types=["drug"]), output).spans

        assert {span.type for span in found} == {"drug"}

    def test_white_space_at_the_ends_of_a_span_is_not_part_of_it(
        self, tagging: Tagging, words: Tokenizer
    ) -> None:
        tokens = words.tokenize("a\n b\n c")  # a (0, 1), break, b (3, 4), break, c (6, 7)

        assert self.read(tagging, tokens, [O, B, I, I, O]) == [(3, 4)]
        assert self.read(tagging, tokens, [B, I, I, O, O]) == [(0, 4)]

    def test_white_space_alone_is_no_span(self, tagging: Tagging, words: Tokenizer) -> None:
        tokens = words.tokenize("a\n b\n c")

        assert self.read(tagging, tokens, [O, B, O, B, O]) == []
        output = np.full((7, 3), OUTSIDE)
        output[[2, 4], PROBLEM] = BEGIN
        assert tagging.found(whole(tokens), output).lost == ("no_text", "no_text")

    def test_of_a_window_lie_inside_it(self, tagging: Tagging, tokens: Tokens) -> None:
        reading = Reading(tokens, 1, 3, TYPES)

        found = tagging.found(reading, np.full((4, 3), INSIDE)).spans

        assert {(span.start, span.end) for span in found} == {(7, 17)}


texts = st.lists(st.sampled_from(["pain", "a", "50", "mg", ",", "\n", "xyz"]), min_size=1).map(
    " ".join
)


@st.composite
def texts_with_spans(draw: st.DrawFn) -> tuple[str, list[Span]]:
    text = draw(texts.filter(str.strip))
    ends = st.integers(0, len(text))
    raw = draw(st.lists(st.tuples(ends, ends, st.sampled_from(TYPES)), max_size=8, unique=True))
    return text, [Span(start, end, type_) for start, end, type_ in raw if start < end]


def expressible(tokens: Tokens, gold: Sequence[Span]) -> list[Span]:
    """Of spans at token edges, the longest of each type that do not overlap, longest first."""
    starts = {start for start, end in tokens.offsets if start < end}
    ends = {end for start, end in tokens.offsets if start < end}
    kept: list[Span] = []
    for span in sorted(gold, key=lambda span: (span.start - span.end, span.start)):
        rivals = [k for k in kept if k.type == span.type]
        apart = all(span.end <= rival.start or rival.end <= span.start for rival in rivals)
        if span.start in starts and span.end in ends and apart:
            kept.append(span)
    return sorted(kept)


@given(texts_with_spans())
def test_what_can_be_said_is_read_back_and_nothing_else(
    words: Tokenizer, drawn: tuple[str, list[Span]]
) -> None:
    tagging, tokens = Tagging(TYPES, words), words.tokenize(drawn[0])
    gold = [span for span in drawn[1] if expressible(tokens, [span])]

    found = tagging.found(whole(tokens), tagging.example(whole(tokens), gold).targets)

    assert found == Found(tuple(expressible(tokens, gold)))


def in_pieces(tokens: Tokens, data: st.DataObject) -> Tokens:
    """Return tokens of which some are cut in two."""
    offsets: list[tuple[int, int]] = []
    for start, end in tokens.offsets:
        cut = data.draw(st.integers(start, max(start, end - 1)))
        offsets += [(start, cut), (cut, end)] if cut > start else [(start, end)]
    return Tokens(tokens.text, (9,) * len(offsets), tuple(offsets))


@given(texts_with_spans(), st.data())
def test_whatever_a_model_says_spans_lie_in_the_window_at_word_edges(
    words: Tokenizer, drawn: tuple[str, list[Span]], data: st.DataObject
) -> None:
    text, heads = drawn
    tokens = in_pieces(words.tokenize(text), data)
    first = data.draw(st.integers(0, len(tokens.ids) - 1))
    last = data.draw(st.integers(first + 1, len(tokens.ids)))
    reading = Reading(tokens, first, last, TYPES, heads[0] if heads else None)
    tagging = Tagging(TYPES, words)
    length = len(tagging.example(reading, []).input_ids)
    tags = st.lists(st.sampled_from([O, B, I]), min_size=length * 3, max_size=length * 3)
    output = np.array(data.draw(tags)).reshape(length, 3)

    found = tagging.found(reading, output).spans

    window = [(start, end) for start, end in tokens.offsets[first:last] if start < end]
    # What is cut inside its letters is one word all the same; the window may begin or end in one.
    inside = {
        start for start, _ in window[1:] if text[start - 1].isalpha() and text[start].isalpha()
    }
    assert {span.start for span in found} <= {start for start, _ in window} - inside
    assert {span.end for span in found} <= {end for _, end in window} - inside
    assert all(text[span.start : span.end].strip() == text[span.start : span.end] for span in found)
    for type_ in TYPES:
        own = [span for span in found if span.type == type_]
        assert all(a.end <= b.start for a, b in pairwise(own))
