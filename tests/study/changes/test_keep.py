import pytest
from tests.study.changes.wards import changed, wards


def test_the_named_sites_are_left_and_those_that_do_not_train() -> None:
    assert changed(wards(), "keep", sites=("c", "a")) == {name: wards()[name] for name in "acd"}


def test_a_site_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="found no site 'x'"):
        changed(wards(), "keep", sites=("a", "x"))


def test_a_site_that_does_not_train_cannot_be_named() -> None:
    with pytest.raises(ValueError, match="found 'd', expected a training site"):
        changed(wards(), "keep", sites=("a", "d"))
