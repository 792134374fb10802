import pytest
from tests.study.changes.wards import changed, ward, wards


def test_test_notes_and_other_sites_are_left_alone() -> None:
    after = changed(wards(), "noise", site="b", share=1.0)

    assert after["b"].notes.splits["test"] == wards()["b"].notes.splits["test"]
    assert {name: after[name] for name in "acd"} == {name: wards()[name] for name in "acd"}


@pytest.mark.parametrize("split", ["train", "dev"])
def test_train_and_dev_notes_are_annotated_wrongly_and_none_is_lost(split: str) -> None:
    before = wards()["b"].notes.splits[split]

    after = changed(wards(), "noise", site="b", share=1.0)["b"].notes.splits[split]

    assert [(one.id, one.text) for one in after] == [(one.id, one.text) for one in before]
    assert all(one.entities != was.entities for one, was in zip(after, before, strict=True))


def test_the_share_is_that_of_wrong_entities() -> None:
    sites = {"a": ward("a", {"train": 90, "dev": 1})}

    after = changed(sites, "noise", site="a", share=0.3)["a"].notes.splits["train"]

    right = sum(
        e in was.entities
        for one, was in zip(after, sites["a"].notes.splits["train"], strict=True)
        for e in one.entities
    )
    # Of 270 entities 81 on average are wrong, with a standard deviation of 7.5.
    assert 270 - right == pytest.approx(81, abs=20)


def test_the_same_notes_get_the_same_noise() -> None:
    one, again = (changed(wards(), "noise", site="b", share=0.5) for _ in range(2))

    assert one == again


def test_a_site_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="found no site 'x', expected one of a, b, c, d"):
        changed(wards(), "noise", site="x", share=0.5)
