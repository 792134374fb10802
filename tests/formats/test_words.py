from fedmedlora.formats.words import words_of

#       0         1
#       0123456789012345
TEXT = "Iron 25 mg\r\n\n fo"


def test_lines_count_from_one_and_words_from_nought() -> None:
    words = words_of(TEXT)

    assert words.places == [(1, 0), (1, 1), (1, 2), (3, 0)]
    assert words.spans == [(0, 4), (5, 7), (8, 10), (14, 16)]


def test_a_span_touches_each_word_of_which_it_has_a_character() -> None:
    words = words_of(TEXT)

    assert words.touched(5, 10) == (1, 1, 1, 2)
    assert words.touched(3, 6) == (1, 0, 1, 1)
    assert words.touched(4, 9) == (1, 1, 1, 2)
    assert words.touched(9, 15) == (1, 2, 3, 0)
    assert words.touched(10, 14) is None
    assert words.touched(16, 99) is None


def test_words_that_are_not_there_have_no_span() -> None:
    words = words_of(TEXT)

    assert words.span((1, 1, 1, 2)) == (5, 10)
    assert words.span((1, 1, 3, 0)) == (5, 16)
    assert [words.span(place) for place in [(0, 0, 0, 0), (1, 1, 1, 3), (3, 0, 1, 0)]] == [None] * 3
    assert words_of("").span((1, 0, 1, 0)) is None
