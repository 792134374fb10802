import random
from collections import Counter

import pytest

from fedmedlora.clinical.labels import (
    CROSS_RELATIONS,
    ENTITY_TYPES,
    MAIN_TYPES,
    RELATION_TYPES,
)
from fedmedlora.synthetic.grammar import Chart, draw, merged, read_cases, read_tables, sentence
from fedmedlora.synthetic.layout import Hospital, Section
from fedmedlora.synthetic.pieces import compose
from fedmedlora.synthetic.specialities import (
    cardiology,
    gastroenterology,
    nephrology,
    oncology,
    orthopaedics,
    paediatrics,
    psychiatry,
)
from fedmedlora.synthetic.vocabulary import GENERAL, PATIENTS
from fedmedlora.synthetic.writing import write_note

HOSPITALS = [
    module.HOSPITAL
    for module in (
        cardiology,
        gastroenterology,
        nephrology,
        oncology,
        orthopaedics,
        paediatrics,
        psychiatry,
    )
]
WORDS = """
symptom
  ache
== gout
diagnosis
  gout
drug
  aspirin
treatment
  rest
"""
MANNER = """
said
  has [problem p: $diagnosis#P].
heard
  on [drug: $drug#A].
"""
VILLAGE = Hospital(
    "village",
    WORDS,
    ((Section("Dr. A:\n", MANNER, "said"), Section("", MANNER, "heard said")),),
)


def wanted(sections: tuple[Section, ...]) -> set[tuple[str, str]]:
    return {
        (section.manner, idea)
        for section in sections
        for word in section.ideas.split()
        for idea in word.removesuffix("?").split("|")
    }


@pytest.mark.parametrize("hospital", HOSPITALS, ids=lambda hospital: hospital.name)
def test_every_pattern_that_a_hospital_may_use_can_be_written(hospital: Hospital) -> None:
    own, cases = read_cases(hospital.vocabulary)
    general = merged(read_tables(GENERAL), read_tables(PATIENTS))
    ideas = sorted(pair for layout in hospital.layouts for pair in wanted(layout))

    for case in cases:
        for manner, idea in ideas:
            for pattern in read_tables(manner)[idea]:
                rng = random.Random("0")  # noqa: S311
                chart = Chart(merged(case, own, general), rng)
                chart.bound["X"] = draw("patient", chart)
                passage = compose(sentence(pattern[idea][0], chart))
                assert "$" not in passage.text
                assert {e.type for e in passage.entities} <= {*ENTITY_TYPES}
                types = {e.id: e.type for e in passage.entities}
                for relation in passage.relations:
                    assert relation.type in RELATION_TYPES
                    assert types[relation.head] in MAIN_TYPES
                    fitting = MAIN_TYPES if relation.type in CROSS_RELATIONS else (relation.type,)
                    assert types[relation.tail] in fitting


@pytest.mark.parametrize("hospital", HOSPITALS, ids=lambda hospital: hospital.name)
def test_every_word_of_a_hospital_can_be_written(hospital: Hospital) -> None:
    own, cases = read_cases(hospital.vocabulary)
    tables = merged(own, *cases, read_tables(GENERAL), read_tables(PATIENTS))
    cells = [c for rows in tables.values() for row in rows for cs in row.values() for c in cs]

    for cell in cells:
        rng = random.Random("0")  # noqa: S311
        words = compose(f"[problem p: {sentence(cell, Chart(tables, rng))}]").text
        assert words.strip()
        assert "$" not in words


def test_note_is_its_sections_in_order_with_capitals() -> None:
    note = write_note(VILLAGE, seed="1", note_id="n1", site="s")

    assert (note.id, note.site) == ("n1", "s")
    assert note.text == "Dr. A:\nHas gout.\nOn aspirin. Has gout."
    # "Dr. A:\nHas " has 11 characters; "gout.\nOn " 9 more; "aspirin. Has " 13 more.
    assert [(e.start, e.end) for e in note.entities] == [(11, 15), (20, 27), (33, 37)]


def test_the_case_gives_the_drug_that_treats_its_diagnosis() -> None:
    manner = "said\n  [drug d: $drug#A] for [problem treats@d: $diagnosis#P]"
    words = WORDS.replace("== gout", "drug\n  insulin; heparin; codeine\n== gout")
    hospital = Hospital("village", words, ((Section("", manner, "said"),),))

    texts = {write_note(hospital, seed=str(i), note_id="n", site="s").text for i in range(30)}

    assert texts == {"Aspirin for gout"}


def test_sections_without_capitals_are_left_as_they_are() -> None:
    section = Section("Rx ", MANNER, "heard", capitals="none")

    note = write_note(Hospital("village", WORDS, ((section,),)), seed="1", note_id="n1", site="s")

    assert note.text == "Rx on aspirin."


def test_optional_ideas_come_half_the_time_and_alternatives_in_turn() -> None:
    manner = "one\n  one\ntwo\n  two\nthree\n  three"
    hospital = Hospital("village", WORDS, ((Section("", manner, "one|two three?"),),))

    texts = Counter(
        write_note(hospital, seed=str(i), note_id="n1", site="s").text for i in range(400)
    )

    # Four equal outcomes of 400 notes: 100 each, and 4 standard deviations are 35.
    assert sorted(texts) == ["One", "One Three", "Two", "Two Three"]
    assert all(65 <= count <= 135 for count in texts.values())
