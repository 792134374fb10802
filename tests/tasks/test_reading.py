import pytest

from fedmedlora.tasks.findings import Span
from fedmedlora.tasks.reading import Reading, covered_tokens, covered_words, num_unaligned, words
from fedmedlora.tasks.task import Tokenizer, Tokens

TEXT = "mild chest pain\nno fever"
#       0    5     11   16 19


@pytest.fixture(name="tokens")
def whole_words(words: Tokenizer) -> Tokens:
    return words.tokenize(TEXT)


def pieces(*parts: str) -> Tokens:
    """Return the tokens of a text that was cut as told; blanks lie between tokens."""
    text, offsets = "", []
    for part in parts:
        offsets.append((len(text), len(text) + len(part.rstrip())))
        text += part
    return Tokens(text, tuple(range(len(parts))), tuple(offsets))


class TestWords:
    @pytest.mark.parametrize(
        ("parts", "expected"),
        [
            (("o", "mepra", "zole ", "daily"), [(0, 3), (3, 4)]),
            (("beta", "-", "block", "er"), [(0, 1), (1, 2), (2, 4)]),  # hyphens may be boundaries
            (("25", "mg ", "q", "8", "h"), [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]),
            (("4", "7", ".", "5 ", "mg"), [(0, 4), (4, 5)]),  # digits of a number may be tokens
            (("1", ",2", "0", "0", ", ", "5", "."), [(0, 4), (4, 5), (5, 6), (6, 7)]),
            (("5", "/", "1", "0", "-", "7"), [(0, 1), (1, 2), (2, 4), (4, 5), (5, 6)]),
            (("Mén", "ière", "'", "s"), [(0, 2), (2, 3), (3, 4)]),
            (("頭", "痛"), [(0, 1), (1, 2)]),  # a script without spaces between its words
        ],
    )
    def test_a_word_goes_on_while_letters_or_signs_of_a_number_touch(
        self, parts: tuple[str, ...], expected: list[tuple[int, int]]
    ) -> None:
        assert words(pieces(*parts), 0, len(parts)) == expected

    def test_bytes_of_one_character_are_one_word(self) -> None:
        tokens = Tokens(
            "µ 頭µg", (1, 2, 3, 4, 5, 6), ((0, 1), (0, 1), (2, 3), (2, 3), (3, 4), (4, 5))
        )

        assert words(tokens, 0, 6) == [(0, 2), (2, 4), (4, 6)]

    def test_a_text_without_tokens_has_no_words(self) -> None:
        assert words(Tokens("\u200b", (), ()), 0, 0) == []
        assert num_unaligned(Tokens("\u200b", (), ()), []) == 0

    def test_the_first_token_asked_for_begins_a_word(self) -> None:
        assert words(pieces("o", "mepra", "zole "), 1, 3) == [(1, 3)]

    def test_white_space_is_no_part_of_a_word(self) -> None:
        tokens = Tokens("a\nb", (1, 2, 3), ((0, 1), (2, 2), (2, 3)))

        assert words(tokens, 0, 3) == [(0, 1), (1, 2), (2, 3)]

    def test_a_reading_counts_from_its_own_first_token(self) -> None:
        reading = Reading(pieces("no ", "naus", "ea ", "now"), 1, 4, ("problem",))

        assert reading.words == [(0, 2), (2, 3)]
        assert reading.offsets == ((3, 7), (7, 9), (10, 13))


class TestCoveredWords:
    def test_a_word_is_covered_whole_or_not_at_all(self) -> None:
        reading = Reading(pieces("no ", "naus", "ea ", "now"), 1, 4, ("problem",))

        assert covered_words(reading, Span(7, 9, "problem")) == (0, 1)  # ea
        assert covered_tokens(reading, Span(7, 9, "problem")) == (0, 2)
        assert covered_words(reading, Span(0, 2, "problem")) is None  # no


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

        assert covered_tokens(reading, Span(0, 15, "problem")) == (0, 1)


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

    def test_a_boundary_between_two_tokens_of_a_word_counts(self) -> None:
        assert num_unaligned(pieces("naus", "ea ", "now"), [Span(0, 4, "problem")]) == 1

    def test_the_boundaries_of_spans_add(self, tokens: Tokens) -> None:
        spans = [Span(6, 13, "problem"), Span(5, 9, "problem"), Span(0, 4, "severity")]

        assert num_unaligned(tokens, spans) == 3  # 2 + 1 + 0
