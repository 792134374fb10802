import numpy as np
import pytest

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.adapters.wire import codecs
from fedmedlora.federation.error_feedback import coded

LOSSY = [name for name, codec in codecs().items() if codec.lossy]


def tensors(*values: float) -> AdapterWeights:
    return {"w": np.array(values, np.float32)}


def test_what_was_lost_is_added_to_what_is_sent_next_by_hand() -> None:
    # int4: the largest is 7, a step 1.  3.4 is sent as 3 and leaves 0.4;  3.4 + 0.4 is sent as 4
    first = coded(tensors(7, 3.4), {}, "int4")
    second = coded(tensors(7, 3.4), first.memory, "int4")

    assert first.arrived()["w"].tolist() == [7, 3]
    assert first.memory["error/w"] == pytest.approx([0, 0.4])
    assert second.arrived()["w"].tolist() == [7, 4]
    assert second.memory["error/w"] == pytest.approx([0, -0.2])


@pytest.mark.parametrize("codec", LOSSY)
def test_what_arrives_over_the_rounds_adds_up_to_what_was_meant(codec: str) -> None:
    rng = np.random.default_rng(0)
    meant, arrived = np.zeros((30, 40)), np.zeros((30, 40))
    memory: AdapterWeights = {}
    for _ in range(40):
        change = rng.normal(size=(30, 40)).astype(np.float32)
        sent = coded({"w": change}, memory, codec)
        memory, meant, arrived = sent.memory, meant + change, arrived + sent.arrived()["w"]

    np.testing.assert_allclose(arrived + memory["error/w"], meant, atol=1e-3)
    # What is still missing is no more than a few changes are large, for it does not add up.
    assert np.abs(meant - arrived).max() < {"top_k": 8, "int4": 2}.get(codec, 0.2)


def test_what_did_not_travel_this_time_is_kept_for_when_it_does() -> None:
    first = coded(tensors(7, 3.4), {}, "int4")
    other = coded({"v": np.array([7, 2.2], np.float32)}, first.memory, "int4")

    assert other.memory["error/w"].tolist() == first.memory["error/w"].tolist()
    assert other.memory["error/v"] == pytest.approx([0, 0.2])


def test_a_codec_that_loses_nothing_keeps_nothing() -> None:
    sent = coded(tensors(7, 3.4), {}, "float32")

    assert sent.memory == {}
    assert sent.arrived()["w"].tobytes() == tensors(7, 3.4)["w"].tobytes()


def test_companions_have_their_own_error() -> None:
    both = {"w": np.array([7, 3.4], np.float32), "control/w": np.array([7, 2.2], np.float32)}

    memory = coded(both, {}, "int4").memory

    assert memory.keys() == {"error/w", "error/control/w"}
