from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.study.changes.wards import LABELS, annotating, changed, ids, note, private, ward, wards

from fedmedlora.clinical.notes import Labels
from fedmedlora.study.change import Sites

MANY = {"train": 60, "dev": 40}
_SPLITS = ("train", "dev", "test")


def origins(sites: Sites, split: str = "train") -> dict[str, Counter[str]]:
    """Return how many notes each training site has of each origin."""
    return {name: Counter(one[0] for one in ids(sites[name], split)) for name in "abc"}


@given(st.integers(0, 50), st.sampled_from([0.0, 2.0, 1000.0]))
def test_no_note_is_lost_or_doubled(seed: int, concentration: float) -> None:
    before = wards()
    try:
        after = changed(before, "deal", concentration=concentration, seed=seed)
    except ValueError as error:
        # Not every draw leaves something for each.
        assert "notes left for" in str(error)  # noqa: PT017
        return

    for split in _SPLITS:
        was = [f"{name}-{id_}" for name in "abc" for id_ in ids(before[name], split)]
        assert Counter(was) == Counter(id_ for name in "abc" for id_ in ids(after[name], split))


def test_a_concentration_of_zero_leaves_each_note_where_it_is() -> None:
    after = changed(wards(), "deal", concentration=0.0, seed=5)

    for split in _SPLITS:
        assert all(set(origins(after, split)[name]) == {name} for name in "abc")
    assert after["d"] == wards()["d"]
    assert after["a"].entry == {"max_notes": 3}


def test_a_large_concentration_makes_sites_alike_and_a_small_one_unlike() -> None:
    sites = {name: ward(name, MANY) for name in "abc"}
    largest = []
    for concentration in (1000.0, 0.5):
        dealt = origins(changed(sites, "deal", concentration=concentration, seed=3))
        largest.append(max(count for site in dealt.values() for count in site.values()))

    # Of 60 notes an even deal gives 20 to each; the standard deviation of a part is 0.9 % of them.
    assert largest[0] <= 23
    assert largest[1] >= 35


def test_the_seed_decides() -> None:
    sites = {name: ward(name, MANY) for name in "abc"}
    one, again, other = (changed(sites, "deal", concentration=2.0, seed=seed) for seed in (1, 1, 2))

    assert one == again
    assert origins(one) != origins(other)


def test_notes_and_patients_of_two_origins_that_are_numbered_alike_stay_apart() -> None:
    after = changed(wards(), "deal", concentration=1000.0)

    for name in "abc":
        site = after[name].notes
        notes = [one for split in site.splits.values() for one in split]
        assert len({one.id for one in notes}) == len(notes)
        assert {one.site for one in notes} == {name}
        assert {one.patient for one in notes} == {f"{one.id[0]}-7" for one in notes}


def test_the_labels_are_what_all_sites_annotate() -> None:
    less = Labels(("problem", "drug"), ("treats",))
    sites = {**wards(), "b": annotating(wards()["b"], less)}

    after = changed(sites, "deal", concentration=1000.0)

    for name in "abc":
        site = after[name].notes
        assert site.labels == less
        notes = [one for split in site.splits.values() for one in split]
        assert {e.type for one in notes for e in one.entities} == {"problem", "drug"}
        assert {r.type for one in notes for r in one.relations} == {"treats"}
    assert after["d"].notes.labels == LABELS


def test_sites_that_annotate_nothing_in_common_are_refused() -> None:
    sites = {
        **wards(),
        "a": annotating(wards()["a"], Labels(("drug",), ())),
        "b": annotating(wards()["b"], Labels(("problem",), ())),
    }

    with pytest.raises(ValueError, match="found no type that all sites annotate"):
        changed(sites, "deal", concentration=1.0)


def test_notes_of_a_site_that_is_not_public_make_no_site_public() -> None:
    after = changed({**wards(), "b": private(wards()["b"])}, "deal", concentration=1000.0)

    assert [after[name].notes.public for name in "abcd"] == [False, False, False, True]


def test_a_site_without_notes_is_refused() -> None:
    # Of one note a site nothing can be dealt to both.
    alone = {"a": ward("a", {"train": 1, "dev": 1}), "b": ward("b", {"train": 0, "dev": 1})}

    with pytest.raises(ValueError, match=r"found no train notes left for [ab], expected some"):
        changed(alone, "deal", concentration=1.0)


def test_a_note_is_the_same_but_for_where_it_is() -> None:
    after = changed(wards(), "deal", concentration=0.0)

    first = after["a"].notes.splits["train"][0]
    assert replace(first, id="n", patient="7") == note("a", "n")
