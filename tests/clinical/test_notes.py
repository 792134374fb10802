import pytest

from fedmedlora.clinical.notes import trimmed


@pytest.mark.parametrize(
    ("start", "end", "own"),
    [(0, 9, (2, 7)), (2, 7, (2, 7)), (7, 9, (9, 9)), (3, 3, (3, 3))],
)
def test_white_space_at_the_ends_of_a_span_is_taken_off(
    start: int, end: int, own: tuple[int, int]
) -> None:
    assert trimmed(" \t25 mg\n ", start, end) == own
