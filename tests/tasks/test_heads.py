import pytest
from tests.tasks.words import Words

from fedmedlora.tasks.findings import Span
from fedmedlora.tasks.heads import laid_out, laid_out_text
from fedmedlora.tasks.reading import Reading
from fedmedlora.tasks.task import Tokens

TEXT = "no chest pain today"
#       0  3     9    14
CHEST_PAIN = Span(3, 13, "problem")


@pytest.mark.parametrize(
    ("first", "text", "of_today"),
    [
        (0, "no [problem chest pain] today", 24),
        # From within the head only its end is left.
        (2, "pain] today", 6),
        (3, "today", 0),
        (4, "", None),
    ],
)
def test_text_from_a_token_on_knows_its_place_in_the_note(
    first: int, text: str, of_today: int | None
) -> None:
    reading = Reading(Words().tokenize(TEXT), 0, 4, ("severity",), CHEST_PAIN)

    said, places = laid_out_text(reading, first)

    assert said == text
    assert len(places) == len(text) + 1
    assert places[-1] == len(TEXT)
    assert of_today is None or places[of_today] == 14


def test_brackets_have_the_place_of_what_follows_them() -> None:
    reading = Reading(Words().tokenize(TEXT), 1, 4, ("severity",), CHEST_PAIN)

    said, places = laid_out_text(reading, 0)

    assert said == "[problem chest pain] today"
    assert places[:9] == [3] * 9
    assert places[19] == places[20] == 13


def test_a_head_that_goes_on_beyond_the_window_ends_with_it() -> None:
    reading = Reading(Words().tokenize(TEXT), 0, 2, ("severity",), CHEST_PAIN)

    assert laid_out_text(reading, 0)[0] == "no [problem chest]"
    assert laid_out_text(Reading(reading.tokens, 0, 2, ("severity",)), 0)[0] == "no chest"


def test_a_head_inside_a_word_is_widened_to_it_in_ids_and_text_alike() -> None:
    tokens = Tokens("on betablocker", (1, 2, 3), ((0, 2), (3, 7), (7, 14)))
    reading = Reading(tokens, 0, 3, ("dosage",), Span(7, 12, "drug"))

    assert laid_out_text(reading, 0)[0] == "on [drug betablocker]"
    assert len(laid_out(reading, Words())[0]) == 3 + 3
