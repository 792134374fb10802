from collections import Counter

import pytest
from tests.study.changes.wards import changed, ids, ward, wards


@pytest.mark.parametrize("into", [2, 3, 4])
@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_no_note_is_lost_or_doubled(into: int, split: str) -> None:
    before, after = wards(), changed(wards(), "split", into=into)

    for name in "abc":
        parts = [ids(after[f"{name}_{index}"], split) for index in range(1, into + 1)]
        assert Counter(id_ for part in parts for id_ in part) == Counter(ids(before[name], split))
        # 12 in 4 parts are 3 each; 5 in 3 are 2, 2 and 1.
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_parts_are_sites_of_their_own_and_what_does_not_train_stays_whole() -> None:
    after = changed(wards(), "split", into=2)

    assert list(after) == ["a_1", "a_2", "b_1", "b_2", "c_1", "c_2", "d"]
    assert after["d"] == wards()["d"]
    assert after["a_2"].entry == {"max_notes": 3}
    assert (
        {one.site for one in after["a_2"].notes.splits["dev"]}
        == {"a_2"}
        == {after["a_2"].notes.name}
    )


def test_a_site_with_too_few_notes_is_refused() -> None:
    with pytest.raises(ValueError, match="found 4 dev notes at a, expected 5 or more"):
        changed(wards(), "split", into=5)


def test_a_part_that_is_called_like_another_site_is_refused() -> None:
    with pytest.raises(ValueError, match="found 'a_2' twice"):
        changed({**wards(), "a_2": ward("a_2", role="external")}, "split", into=2)
