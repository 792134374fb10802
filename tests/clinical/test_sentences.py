import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmedlora.clinical.sentences import sentence_spans, token_windows
from fedmedlora.formats.site_folder import read_site

OPEN_SITES = Path(__file__).parents[3] / "shared" / "data" / "sites"

# Much white space and many marks, so that every rule comes up.
NOTE_TEXT = st.text(st.sampled_from("aB 1.?!\n\r\t\"')(é\u2028") | st.characters(codec="utf-8"))
WORDS = st.lists(
    st.tuples(st.integers(1, 7), st.sampled_from([" ", "  ", "\n", ". ", ".\n"])), max_size=30
)


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


def one_character_tokens(text: str) -> list[tuple[int, int]]:
    return [(index, index + 1) for index, character in enumerate(text) if not character.isspace()]


def windows(text: str, max_tokens: int) -> list[str]:
    offsets = one_character_tokens(text)
    return [
        text[offsets[first][0] : offsets[last - 1][1]]
        for first, last in token_windows(text, offsets, max_tokens=max_tokens)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No fever. Mild cough.", ["No fever.", "Mild cough."]),
        ("Any pain? None! Good.", ["Any pain?", "None!", "Good."]),
        ("Seen today. 3 lesions.", ["Seen today.", "3 lesions."]),
        ('He said "no." "Perhaps," I said.', ['He said "no."', '"Perhaps," I said.']),
        ("Stable (as before.) Go on.", ["Stable (as before.)", "Go on."]),
        ("wie immer. Ärztin kommt", ["wie immer.", "Ärztin kommt"]),
        (
            "HR 80\nBP 120/80\r\n\r\nSpO2 98 %\rafebrile",
            ["HR 80", "BP 120/80", "SpO2 98 %", "afebrile"],
        ),
        ("  \n padded. \n ", ["padded."]),
        ("In 2010. He fell.", ["In 2010.", "He fell."]),
        ("", []),
        (" \n\t", []),
    ],
)
def test_a_sentence_ends_at_its_mark_and_at_a_line_break(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Seen by Dr. Smith today",
        "Seen by J. Smith",
        "Aspirin q.d. Metoprolol b.i.d. Both p.o. Then stop",
        "bleeding, e.g. Melena",
        "bleeding (e.g. Melena)",
        "(1. Aspirin)",
        "i.e. Nothing",
        "room No. 5",
        "drug vs. Placebo",
        "approx. 20 ml",
        "40 mg. Twice daily",
        "the pt. Denies pain",
        "1. Aspirin 81 mg",
        "dose 0.5 to 1.5 mg",
        "since Feb. 18",
        "EC 1. 1. 49 deficiency",
        "level ? 100 ng",
        "ended. and went on",
        "a 3.Then b",
    ],
)
def test_a_mark_inside_a_sentence_does_not_end_it(text: str) -> None:
    assert sentences(text) == [text]


@pytest.mark.parametrize("text", ["She said no. He left.", "Since Oct. He is well."])
def test_a_word_that_goes_before_numbers_ends_a_sentence_before_words(text: str) -> None:
    assert len(sentences(text)) == 2


def test_a_number_is_a_list_mark_only_at_the_beginning() -> None:
    assert sentences("1. Aspirin. 2. Nitrate. Pain was 3. It fell.") == [
        "1. Aspirin.",
        "2. Nitrate.",
        "Pain was 3.",
        "It fell.",
    ]


@pytest.mark.parametrize("end", [" ", "\t", "\xa0", " \x1f "])
def test_white_space_at_the_end_of_a_text_is_in_no_sentence(end: str) -> None:
    assert sentence_spans(f"Pain{end}") == [(0, 4)]


@given(NOTE_TEXT)
def test_sentences_cover_all_but_white_space_once_and_in_order(text: str) -> None:
    spans = sentence_spans(text)

    ends = [0, *(end for _, end in spans)]
    gaps = [
        text[a:b] for a, b in zip(ends, [start for start, _ in spans] + [len(text)], strict=True)
    ]
    assert all(start < end for start, end in spans)
    assert "".join(gaps).strip() == ""
    assert all(text[start:end].strip() == text[start:end] for start, end in spans)


@given(NOTE_TEXT)
def test_no_sentence_goes_over_a_line_break(text: str) -> None:
    assert all(len(sentence.splitlines()) == 1 for sentence in sentences(text))


def test_a_megabyte_of_notes_takes_less_than_a_second() -> None:
    line = "Pt. denies chest pain; aspirin 81 mg q.d. was given. Stable since 9 a.m. by report.\n"
    text = line * (1_000_000 // len(line))

    begin = time.process_time()
    sentence_spans(text)

    assert time.process_time() - begin < 1


@pytest.mark.parametrize("unit", ["a. B ", ".", "x", " ", "\n", '."', "Dr. ", "1. ", "a.b."])
def test_no_text_takes_more_than_linear_time(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))

    begin = time.process_time()
    sentence_spans(text)

    # A second on a slow machine; quadratic time would be many minutes.
    assert time.process_time() - begin < 10


def test_windows_of_a_megabyte_take_seconds() -> None:
    text = "ab cd " * 166_667
    offsets = [(start, start + 2) for start in range(0, len(text), 3)]

    begin = time.process_time()
    found = token_windows(text, offsets, max_tokens=256)

    assert time.process_time() - begin < 2
    # 333,334 tokens in ceil(333334 / 256) = 1303 windows.
    assert len(found) == 1303


def test_there_is_one_window_a_sentence() -> None:
    assert windows("Is ill. Go on.\nEnd", 10) == ["Is ill.", "Go on.", "End"]


def test_a_long_sentence_is_cut_evenly_between_words() -> None:
    # 12 tokens in windows of at most 5: 3 of 4 each, and each cut falls before a word.
    assert windows("aa bb cc dd ee ff", 5) == ["aa bb", "cc dd", "ee ff"]


def test_a_cut_moves_to_the_nearest_word() -> None:
    # 6 tokens in 2 windows: 3 and 3 would cut `bbbb`, which begins after 2.
    assert windows("aa bbbb", 5) == ["aa", "bbbb"]


def test_only_a_word_longer_than_a_window_is_cut_inside() -> None:
    assert windows("aa bbbbbbb cc", 3) == ["aa", "bbb", "bbb", "b cc"]


def test_a_token_may_hold_the_white_space_before_its_word() -> None:
    text = "aa bb cc. Dd"
    offsets = [(0, 1), (1, 2), (2, 4), (4, 5), (5, 7), (7, 9), (9, 11), (11, 12)]

    # "aa", " bb" and " cc." have 2 tokens each, so that 3 and 3 would cut " bb"; the cut falls
    # before it. " D" belongs to the sentence it begins.
    assert token_windows(text, offsets, max_tokens=4) == [(0, 2), (2, 6), (6, 8)]


def test_a_token_of_white_space_belongs_to_the_sentence_before() -> None:
    offsets = [(0, 1), (1, 3), (3, 4)]

    assert token_windows("a\n\nb", offsets, max_tokens=9) == [(0, 2), (2, 3)]


def test_a_token_of_white_space_at_the_beginning_belongs_to_the_first_sentence() -> None:
    assert token_windows("\n\nab", [(0, 2), (2, 4)], max_tokens=9) == [(0, 2)]


def test_without_tokens_there_are_no_windows() -> None:
    assert token_windows("some words", [], max_tokens=4) == []


def test_tokens_of_white_space_alone_are_not_lost() -> None:
    assert token_windows("\n\n", [(0, 1), (1, 2)], max_tokens=4) == [(0, 2)]


def test_a_window_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="max_tokens is 0"):
        token_windows("a", [(0, 1)], max_tokens=0)


@given(NOTE_TEXT, st.integers(1, 5), st.data())
def test_every_token_lies_in_exactly_one_window(
    text: str, max_tokens: int, data: st.DataObject
) -> None:
    cuts = data.draw(st.sets(st.integers(0, len(text))))
    ends = sorted(cuts | {0})
    offsets = list(pairwise(ends))

    found = token_windows(text, offsets, max_tokens=max_tokens)

    indices = [index for first, last in found for index in range(first, last)]
    assert indices == list(range(len(offsets)))
    assert all(1 <= last - first <= max_tokens for first, last in found)


@given(WORDS, st.integers(1, 9))
def test_a_window_begins_at_a_word_unless_the_word_does_not_fit(
    words: list[tuple[int, str]], max_tokens: int
) -> None:
    text = "".join("x" * length + gap for length, gap in words)
    offsets = one_character_tokens(text)

    for first, _ in token_windows(text, offsets, max_tokens=max_tokens):
        start = offsets[first][0]
        before = len(text[:start]) - len(text[:start].rstrip("x."))
        after = len(text[start:]) - len(text[start:].lstrip("x."))
        assert before == 0 or before + after > max_tokens


@given(WORDS, st.integers(1, 9))
def test_no_window_goes_over_the_end_of_a_sentence(
    words: list[tuple[int, str]], max_tokens: int
) -> None:
    text = "".join("X" * length + gap for length, gap in words)
    offsets = one_character_tokens(text)

    for first, last in token_windows(text, offsets, max_tokens=max_tokens):
        window = (offsets[first][0], offsets[last - 1][1])
        assert any(a <= window[0] and window[1] <= b for a, b in sentence_spans(text))


@pytest.mark.skipif(not OPEN_SITES.is_dir(), reason="the open corpora are not beside the project")
@pytest.mark.parametrize("site", ["chia", "glaucoma", "maccrobat", "phee", "psytar"])
def test_gold_relations_and_entities_rarely_cross_sentences(site: str) -> None:
    crossing = {"entities": 0, "relations": 0}
    total = {"entities": 0, "relations": 0}
    for note in read_site(OPEN_SITES / site).splits["train"]:
        ends = {entity.id: (entity.start, entity.end) for entity in note.entities}
        pairs = [(*ends[r.head], *ends[r.tail]) for r in note.relations]
        spans = sentence_spans(note.text)
        for kind, groups in (("entities", list(ends.values())), ("relations", pairs)):
            total[kind] += len(groups)
            crossing[kind] += sum(
                any(min(group) < end < max(group) for _, end in spans) for group in groups
            )

    assert crossing["relations"] <= 0.01 * total["relations"]
    assert crossing["entities"] <= 0.003 * total["entities"]
