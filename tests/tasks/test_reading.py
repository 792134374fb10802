import pytest

from fedmedlora.tasks.findings import Span
from fedmedlora.tasks.reading import Reading, covered_tokens, num_unaligned
from fedmedlora.tasks.task import Tokenizer, Tokens

TEXT = "mild chest pain\nno fever"
#       0    5     11   16 19


@pytest.fixture
def tokens(words: Tokenizer) -> Tokens:
    return words.tokenize(TEXT)


class TestCoveredTokens:
    @pytest.mark.parametrize(
        ("start", "end", "expected"),
        [
            (5, 10, (1, 2)),  # chest
            (5, 15, (1, 3)),  # chest pain
            (0, 15, (0, 3)),
            (6, 13, (1, 3)),  # hest pa: begins and ends inside tokens
            (4, 11, (1, 2)),  # chest with the blanks around it
            (11, 18, (2, 5)),  # pain, line break, no
        ],
    )
    def test_every_token_a_span_touches_is_covered(
        self, tokens: Tokens, start: int, end: int, expected: tuple[int, int]
    ) -> None:
        whole = Reading(tokens, 0, len(tokens.ids), ("problem",))

        assert covered_tokens(whole, Span(start, end, "problem")) == expected

    def test_a_span_that_ends_where_a_token_begins_does_not_touch_it(self, tokens: Tokens) -> None:
        reading = Reading(tokens, 1, 3, ("problem",))  # chest pain

        assert covered_tokens(reading, Span(0, 5, "problem")) is None

    def test_a_span_of_white_space_covers_nothing(self, tokens: Tokens) -> None:
        whole = Reading(tokens, 0, len(tokens.ids), ("problem",))

        assert covered_tokens(whole, Span(15, 16, "problem")) is None

    def test_tokens_outside_the_window_are_not_covered(self, tokens: Tokens) -> None:
        reading = Reading(tokens, 1, 2, ("problem",))  # chest

        assert covered_tokens(reading, Span(0, 15, "problem")) == (1, 2)


class TestNumUnaligned:
    @pytest.mark.parametrize(
        ("start", "end", "expected"),
        [
            (0, 4, 0),  # mild
            (5, 15, 0),  # chest pain
            (11, 18, 0),  # pain, line break, no
            (1, 4, 1),  # ild: begins inside
            (5, 9, 1),  # ches: ends inside
            (5, 16, 1),  # ends in white space
            (6, 13, 2),  # hest pa: both inside
        ],
    )
    def test_each_boundary_counts_for_itself(
        self, tokens: Tokens, start: int, end: int, expected: int
    ) -> None:
        assert num_unaligned(tokens, [Span(start, end, "problem")]) == expected

    def test_the_boundaries_of_spans_add(self, tokens: Tokens) -> None:
        spans = [Span(6, 13, "problem"), Span(5, 9, "problem"), Span(0, 4, "severity")]

        assert num_unaligned(tokens, spans) == 3  # 2 + 1 + 0
