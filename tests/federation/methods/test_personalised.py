import numpy as np
from tests.federation.methods.federations import HEAD, START, B, Federation, descent


def test_each_site_goes_on_alone_and_nothing_travels() -> None:
    federation = Federation("personalised", {"a": 1.0, "b": 3.0}, descent(1, 0.5))

    for _ in range(2):
        adapter = federation.close_round()

    assert all(np.array_equal(adapter[name], START[name]) for name in START)
    assert federation.sent["a"].delta == {}
    # From 0 half of the way to 1, twice: 0.75; to 3: 2.25
    for site, reached in (("a", 0.75), ("b", 2.25)):
        np.testing.assert_array_equal(federation.memories[site][f"own/{B}"], [[reached]] * 2)
        np.testing.assert_array_equal(federation.memories[site][f"own/{HEAD}"], [[reached] * 2] * 2)
