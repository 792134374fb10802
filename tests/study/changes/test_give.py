import pytest
from tests.study.changes.wards import LABELS, annotating, changed, wards

from fedmedlora.clinical.notes import Labels


def test_main_entities_are_given_and_all_else_is_as_it_was() -> None:
    before = wards()
    after = changed(before, "give", sites=("b",))

    assert after["b"].notes.labels == Labels(
        ("severity",), ("severity", "treats"), heads=("problem", "drug")
    )
    assert after["b"].notes.splits == before["b"].notes.splits
    assert {name: after[name] for name in "acd"} == {name: before[name] for name in "acd"}


def test_without_names_it_is_every_site() -> None:
    after = changed(wards(), "give")

    assert {after[name].notes.labels.heads for name in "abcd"} == {("problem", "drug")}


def test_what_is_given_twice_is_given() -> None:
    once = changed(wards(), "give")

    assert changed(once, "give") == once


def test_a_site_without_relations_has_nothing_to_give_heads_to() -> None:
    sites = {**wards(), "b": annotating(wards()["b"], Labels(LABELS.entities, ()))}

    with pytest.raises(ValueError, match="found no relations at b, expected some"):
        changed(sites, "give", sites=("b",))


def test_dealt_with_others_what_one_gives_is_given_everywhere() -> None:
    after = changed(changed(wards(), "give", sites=("b",)), "deal", concentration=0.0)

    assert after["a"].notes.labels == Labels(
        ("severity",), ("severity", "treats"), heads=("problem", "drug")
    )
    # Their entities stay where they are: they are heads.
    assert after["a"].notes.splits["train"][0].relations
