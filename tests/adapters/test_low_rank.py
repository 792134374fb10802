import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from fedmedlora.adapters.low_rank import Factors, nearest, sum_of_squares, total


def random_change(seed: int, out: int, rank: int, width: int) -> Factors:
    rng = np.random.default_rng(seed)
    return Factors(rng.normal(size=(out, rank)), rng.normal(size=(rank, width)))


def dense(change: Factors) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return change.b @ change.a


def test_the_nearest_change_is_the_dense_one_with_its_largest_singular_values() -> None:
    change = total([random_change(seed, 7, 2, 5) for seed in range(2)])
    u, s, v = np.linalg.svd(dense(change))

    found = nearest(change, 3)

    assert (found.b.shape, found.a.shape) == ((7, 3), (3, 5))
    assert np.abs(dense(found) - (u[:, :3] * s[:3]) @ v[:3]).max() < 1e-12


def test_a_change_of_a_smaller_rank_stays_as_it_is() -> None:
    change = random_change(0, 7, 2, 5)

    found = nearest(change, 4)

    assert np.abs(dense(found) - dense(change)).max() < 1e-12
    assert not found.b[:, 2:].any()


def test_squares_are_those_of_the_dense_matrix() -> None:
    # B A = [[1], [2]] [[3, 4]] = [[3, 4], [6, 8]]: 9 + 16 + 36 + 64
    change = Factors(np.array([[1.0], [2.0]]), np.array([[3.0, 4.0]]))

    assert sum_of_squares(change) == 125


@pytest.mark.parametrize("num_threads", [2, 4])
def test_the_number_of_threads_changes_no_bit(num_threads: int) -> None:
    change = random_change(0, 900, 160, 700)
    with threadpool_limits(1):
        alone = nearest(change, 40)

    with threadpool_limits(num_threads):
        found = nearest(change, 40)

    assert found.b.tobytes() == alone.b.tobytes()
    assert found.a.tobytes() == alone.a.tobytes()
