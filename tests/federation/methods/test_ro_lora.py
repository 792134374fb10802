import numpy as np
from tests.federation.methods.federations import HEAD, START, A, B, Federation, descent


def test_the_rounds_take_turns() -> None:
    federation = Federation("ro_lora", {"a": 2.0, "b": 4.0}, descent(1, 0.5))

    first = federation.close_round()
    sent_first = set(federation.sent["a"].delta)
    second = federation.close_round()
    sent_second = set(federation.sent["a"].delta)

    assert (sent_first, sent_second) == ({B, HEAD}, {A, HEAD})
    # Half of the way to the mean target 3: B from 0 to 1.5, A from 1 to 2; the head 1.5, then 2.25
    np.testing.assert_array_equal(first[A], START[A])
    np.testing.assert_array_equal(first[B], np.full((2, 1), 1.5))
    np.testing.assert_array_equal(second[A], np.full((1, 3), 2.0))
    np.testing.assert_array_equal(second[B], first[B])
    np.testing.assert_array_equal(second[HEAD], np.full((2, 2), 2.25))
