import pytest

from fedmedlora.clinical.notes import Entity, Labels, Note
from fedmedlora.tasks.counts import Counts, NoteCounts
from fedmedlora.tasks.kinds.summarise import KIND, common, entities_kept, rouge, words

PERSONS = words("The patient has chest pain and fever.")
OWN = words("Patient with fever, has chest pain")


def test_words_are_letters_and_digits_in_lower_case() -> None:
    assert words("Chest-Pain, 40 mg (é)_x") == ["chest", "pain", "40", "mg", "é", "x"]


def test_rouge_1_counts_words() -> None:
    # Shared: patient, fever, has, chest, pain, of 6 here and 7 there: 2 * 5 / 13.
    assert rouge(OWN, PERSONS, 1) == pytest.approx(10 / 13)


def test_rouge_2_counts_pairs() -> None:
    # Shared: has chest, chest pain, of 5 here and 6 there: 2 * 2 / 11.
    assert rouge(OWN, PERSONS, 2) == pytest.approx(4 / 11)


def test_rouge_counts_a_word_as_often_as_it_stands_in_both() -> None:
    # One of three and one of one.
    assert rouge(["no", "no", "no"], ["no"], 1) == pytest.approx(2 / 4)


def test_rouge_l_is_the_longest_run_with_gaps() -> None:
    # patient has chest pain
    assert common(OWN, PERSONS) == 4
    assert common(["a", "b", "c", "d"], ["b", "a", "c", "d"]) == 3
    assert common([], ["a"]) == common(["a"], []) == 0


def test_a_text_without_words_shares_nothing() -> None:
    assert rouge([], PERSONS, 1) == rouge(["one"], ["one"], 2) == 0


def test_scores_are_means_over_notes() -> None:
    note = Note("n1", "a", "x", (), (), fields={"summary": "fever and pain"})

    counts = [NoteCounts(KIND.count(note, said)) for said in ("fever and pain", "")]
    total = sum(counts, NoteCounts())

    for part in ("rouge_1", "rouge_2", "rouge_l"):
        assert total.part(part).matched("strict").f1 == 0.5


def test_entities_are_those_of_the_note_in_either_summary() -> None:
    text = "Chest pain, fever, no cough. Aspirin, mild."
    entities = tuple(
        Entity(f"T{i}", type_, text.index(said), text.index(said) + len(said))
        for i, (said, type_) in enumerate(
            [
                ("Chest pain", "problem"),
                ("fever", "problem"),
                ("cough", "problem"),
                ("Aspirin", "drug"),
                # No main type.
                ("mild", "severity"),
            ]
        )
    )
    note = Note("n1", "a", text, entities, ())

    kept = entities_kept(note, words("chest pain; aspirin, mild"), words("Chest pain and fever"))

    # Chest pain in both, aspirin here alone, fever there alone; a part of a word is none.
    assert kept == Counts(tp=1, fp=1, fn=1)
    assert entities_kept(note, words("coughing"), words("coughs")) == Counts()


def test_a_site_without_entities_is_not_scored_on_them() -> None:
    assert KIND.scored(KIND.parts, Labels(("severity",), ())) == ["rouge_l", "rouge_1", "rouge_2"]
    assert [*KIND.scored(KIND.parts, Labels(("drug",), ()))] == [*KIND.parts]


def test_a_summary_without_a_word_is_a_fault() -> None:
    said, silent = (
        Note("n1", "a", "Pain.", (), (), fields={"summary": told}) for told in ("Pain.", " - ")
    )

    assert [fault.where for fault in KIND.faults(silent)] == ["summary"]
    assert [*KIND.faults(said)] == []
