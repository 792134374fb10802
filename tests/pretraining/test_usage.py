import math

import numpy as np
import pytest
import torch

from fedmedlora.pretraining.usage import _neighbours, pointwise_information, usage

THE, RED, BLUE, CAT, DOG, OF = range(6)


def test_pointwise_information_by_hand() -> None:
    """4 pairs: p(0, 0) = 1/2, p(word 0) = 1/2, p(context 0) = 3/4; log(1/2 / 3/8) = log 4/3."""
    found = pointwise_information(torch.tensor([[2.0, 0.0], [1.0, 1.0]]))

    # log(1/4 / (1/2 * 3/4)) is below 0; log(1/4 / (1/2 * 1/4)) = log 2.
    expected = torch.tensor([[math.log(4 / 3), 0.0], [0.0, math.log(2)]])
    torch.testing.assert_close(found, expected)


def test_neighbours_are_counted_by_distance() -> None:
    """In `0 1 0 2`, 0 stands one before 1 and one before 2, and two before 0."""
    counts = _neighbours(np.array([0, 1, 0, 2, -1, -1, 1]), 3)

    two_before, before, after, two_after = np.split(counts, 4, axis=1)
    assert before.tolist() == [[0, 1, 0], [1, 0, 0], [1, 0, 0]]
    assert after.tolist() == [[0, 1, 1], [1, 0, 0], [0, 0, 0]]
    assert two_before.tolist() == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]
    assert two_after.tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]


def test_what_is_used_alike_has_rows_alike() -> None:
    rng = np.random.default_rng(0)
    ids = np.concatenate(
        [[THE, rng.choice([RED, BLUE]), rng.choice([CAT, DOG]), OF, -1, -1] for _ in range(500)]
    )

    rows = usage(ids, 6, width=8, seed=0)

    assert rows.shape == (6, 8)
    assert rows.norm(dim=1).tolist() == pytest.approx([1] * 6, abs=1e-5)
    assert float(rows[RED] @ rows[BLUE]) > 0.9
    assert float(rows[RED] @ rows[CAT]) < 0.5
    assert float(rows[CAT] @ rows[DOG]) > 0.9
