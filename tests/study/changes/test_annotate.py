import pytest
from tests.study.changes.wards import LABELS, annotating, changed, ids, wards

from fedmedlora.clinical.notes import Labels
from fedmedlora.study.change import Site


def types(site: Site) -> set[str]:
    notes = [one for split in site.notes.splits.values() for one in split]
    return {e.type for one in notes for e in one.entities}


def test_without_relations_modifiers_are_unknown_too() -> None:
    after = changed(wards(), "annotate", sites=("b",), relations=False)["b"]

    # A modifier without a head is not annotated; in the labels it would be absent, not unknown.
    assert after.notes.labels == Labels(("problem", "drug"), ())
    assert types(after) == {"problem", "drug"}
    assert all(not one.relations for one in after.notes.splits["train"])


def test_without_a_modifier_its_relation_is_unknown_too() -> None:
    after = changed(wards(), "annotate", sites=("b",), entities=("drug", "problem"))["b"]

    assert after.notes.labels == Labels(("problem", "drug"), ("treats",))
    assert types(after) == {"problem", "drug"}


def test_no_note_is_lost() -> None:
    before, after = wards(), changed(wards(), "annotate", relations=False)

    for split in ("train", "dev", "test"):
        assert all(ids(after[name], split) == ids(before[name], split) for name in "abcd")


def test_without_names_it_is_every_site() -> None:
    after = changed(wards(), "annotate", relations=False)

    assert {after[name].notes.labels.relations for name in "abcd"} == {()}


def test_other_sites_are_left_alone() -> None:
    after = changed(wards(), "annotate", sites=("b",), entities=("drug",))

    assert {name: after[name] for name in "acd"} == {name: wards()[name] for name in "acd"}
    assert after["b"].notes.labels.entities == ("drug",)


def test_what_is_left_stands_in_the_order_it_had() -> None:
    after = changed(wards(), "annotate", entities=("severity", "drug", "problem"))

    assert after["a"].notes.labels == LABELS


def test_a_type_that_no_site_annotates_is_refused() -> None:
    with pytest.raises(ValueError, match="found 'problems', expected types that one of the"):
        changed(wards(), "annotate", entities=("problems",))


def test_a_site_that_would_annotate_nothing_is_refused() -> None:
    sites = {**wards(), "b": annotating(wards()["b"], Labels(("drug",), ()))}

    with pytest.raises(ValueError, match="found no type left at b"):
        changed(sites, "annotate", entities=("problem",))
