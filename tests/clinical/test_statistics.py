import json

from fedmedlora.clinical.notes import Entity, Labels, Note, Relation, SiteNotes
from fedmedlora.clinical.statistics import nested_pairs, site_statistics, split_statistics

# 0    5      12 15         26    32
TEXT = "Mild chest pain.\nAspirin 81 mg daily."
ENTITIES = (
    Entity("T1", "problem", 5, 15),
    Entity("T2", "bodyloc", 5, 10),
    Entity("T3", "severity", 0, 4),
    Entity("T4", "drug", 17, 24),
    Entity("T5", "strength", 25, 30),
    Entity("T6", "condition", 31, 36),
)
RELATIONS = (
    Relation("bodyloc", "T1", "T2"),
    Relation("severity", "T1", "T3"),
    Relation("strength", "T4", "T5"),
    Relation("condition", "T4", "T6"),
    Relation("treats", "T4", "T1"),
)


def note(text: str = TEXT, *, annotated: bool = True) -> Note:
    return Note("n", "a", text, ENTITIES if annotated else (), RELATIONS if annotated else ())


def test_a_split_is_counted() -> None:
    assert split_statistics([note(), note("Well. Home.", annotated=False)]) == {
        "notes": 2,
        # Two lines, and two sentences on one line.
        "sentences": 4,
        # 3 + 4 in the first note, 2 in the second.
        "words": 9,
        "entities": {
            "bodyloc": 1,
            "condition": 1,
            "drug": 1,
            "problem": 1,
            "severity": 1,
            "strength": 1,
        },
        # "chest" in "chest pain".
        "nested_pairs": 1,
        "relations": {
            "drug": {"condition": 1, "strength": 1, "treats": 1},
            "problem": {"bodyloc": 1, "severity": 1},
        },
        # Of four modifiers, a condition does not belong to a drug; `treats` is no modifier.
        "share_in_guideline": 3 / 4,
        # Of five, `treats` goes over the line break.
        "share_in_one_sentence": 4 / 5,
    }


def test_a_share_of_nothing_is_none() -> None:
    found = split_statistics([note(annotated=False)])

    assert found["share_in_guideline"] is None
    assert found["share_in_one_sentence"] is None


def test_an_end_that_goes_over_a_sentence_counts_as_outside() -> None:
    entities = (Entity("T1", "problem", 0, 6), Entity("T2", "course", 2, 3))
    crossing = Note("n", "a", "a b\nc d", entities, (Relation("course", "T1", "T2"),))

    assert split_statistics([crossing])["share_in_one_sentence"] == 0.0


def test_equal_crossing_and_neighbouring_spans_do_not_nest() -> None:
    spans = [(0, 5), (0, 5), (3, 8), (8, 9), (3, 4)]
    entities = [Entity(str(index), "problem", *span) for index, span in enumerate(spans)]

    # (3, 4) lies in both (0, 5) and in (3, 8).
    assert nested_pairs(entities) == 3


def test_a_text_in_two_splits_is_counted_once() -> None:
    same, other = note("Same.", annotated=False), note("Other.", annotated=False)
    splits = {"train": (same, other, other), "dev": (same,), "test": (same,)}
    site = SiteNotes("a", Labels(("problem",), ()), public=False, splits=splits)

    assert site_statistics(site)["texts_in_several_splits"] == 1


def test_a_site_is_described_for_json_without_its_text() -> None:
    labels = Labels(("problem", "drug"), ("treats",))
    site = SiteNotes("a", labels, public=True, splits={"train": (note(),)})

    found = site_statistics(site)

    assert found["site"] == "a"
    assert found["public"] is True
    assert found["labels"] == {"entities": ["problem", "drug"], "relations": ["treats"]}
    assert found["splits"] == {"train": split_statistics([note()])}
    assert "Aspirin" not in json.dumps(found)
