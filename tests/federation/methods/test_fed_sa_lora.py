import numpy as np
from tests.federation.methods.federations import HEAD, START, A, B, Federation, descent


def test_a_is_averaged_and_each_b_stays_at_its_site_and_goes_on_there() -> None:
    federation = Federation("fed_sa_lora", {"a": 1.0, "b": 3.0}, descent(1, 0.5))

    for _ in range(2):
        adapter = federation.close_round()

    assert set(federation.sent["a"].delta) == {A, HEAD}
    # Half of the way from 1 to the mean target 2, twice: 1.5, 1.75
    np.testing.assert_array_equal(adapter[A], np.full((1, 3), 1.75))
    np.testing.assert_array_equal(adapter[B], START[B])
    # From 0 to 1: 0.5, 0.75; from 0 to 3: 1.5, 2.25
    kept = {site: memory[f"own/{B}"] for site, memory in federation.memories.items()}
    np.testing.assert_array_equal(kept["a"], np.full((2, 1), 0.75))
    np.testing.assert_array_equal(kept["b"], np.full((2, 1), 2.25))


def test_who_was_away_goes_on_from_the_b_it_kept() -> None:
    federation = Federation("fed_sa_lora", {"a": 1.0, "b": 3.0}, descent(1, 0.5))
    federation.close_round()

    federation.close_round(absent=["a"])
    kept_while_away = federation.memories["a"][f"own/{B}"]
    federation.close_round()

    np.testing.assert_array_equal(kept_while_away, np.full((2, 1), 0.5))
    np.testing.assert_array_equal(federation.memories["a"][f"own/{B}"], np.full((2, 1), 0.75))
