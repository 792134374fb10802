import numpy as np
import pytest

from fedmedlora.adapters.files import adapter_digest
from fedmedlora.adapters.weights import AdapterWeights, add
from fedmedlora.adapters.wire import codecs, encode_update, read_update
from fedmedlora.federation.broadcast import broadcast, with_news

A, B = "q.lora_A.weight", "q.lora_B.weight"


def adapter(a: float, b: float) -> AdapterWeights:
    return {A: np.full((2, 3), a, np.float32), B: np.full((4, 2), b, np.float32)}


def test_without_loss_the_sites_have_what_was_meant_to_the_bit() -> None:
    meant = adapter(0.1, 1e-9)

    sent = broadcast(adapter(7.3, 3.0), meant, {}, "float32")

    assert all(sent.bundle[name].tobytes() == meant[name].tobytes() for name in meant)
    assert sent.memory == {}


def test_what_a_round_did_not_change_is_not_sent_again() -> None:
    before, after = adapter(1, 1), adapter(1, 2)

    sent = broadcast(before, after, {}, "float32")

    assert sent.news.num_bytes == len(encode_update({B: after[B]}, "float32"))


def test_what_is_lost_is_sent_with_the_next_by_hand() -> None:
    # int4, largest change 7: a step is 1.  Of 3.4, 3 arrives.
    zero, one, two = ({"w": np.array([a, b], np.float32)} for a, b in ((0, 0), (7, 3.4), (14, 6.8)))

    first = broadcast(zero, one, {}, "int4")
    # The next round starts from what the sites have and goes as far again.
    meant = {"w": first.bundle["w"] + two["w"] - one["w"]}
    second = broadcast(first.bundle, meant, first.memory, "int4")

    assert first.bundle["w"].tolist() == [7, 3]
    # 3.4 more, and 0.4 from before: 3.8 arrives as 4
    assert second.bundle["w"].tolist() == [14, 7]
    assert second.memory["error/w"] == pytest.approx([0, -0.2])


def test_patches_travel_once_and_as_they_are() -> None:
    patch = {f"patch1/{A}": np.full((1, 3), 0.1, np.float32)}
    before = adapter(1, 1)

    first = broadcast(before, {**before, **patch}, {}, "int4")
    second = broadcast(first.bundle, {**adapter(1, 2), **patch}, first.memory, "int4")

    assert first.bundle[f"patch1/{A}"].tobytes() == patch[f"patch1/{A}"].tobytes()
    assert first.news.num_bytes > len(encode_update(patch, "float32"))
    assert second.news.num_bytes == len(encode_update({B: before[B]}, "int4"))


def test_a_companion_that_is_new_is_sent_from_zero() -> None:
    before = adapter(1, 1)
    control = {f"control/{B}": np.full((4, 2), 7.0, np.float32)}

    sent = broadcast(before, {**before, **control}, {}, "int4")

    assert sent.bundle[f"control/{B}"].tolist() == [[7.0, 7.0]] * 4


@pytest.mark.parametrize("codec", codecs())
def test_a_site_that_gets_the_news_has_what_the_server_says_it_has_to_the_bit(codec: str) -> None:
    rng = np.random.default_rng(0)
    before, step = (
        {n: rng.normal(size=w.shape).astype(np.float32) for n, w in adapter(0, 0).items()}
        for _ in range(2)
    )
    patch = {f"patch1/{A}": np.full((1, 3), 0.1, np.float32)}
    meant = {**add(before, step), **patch, f"control/{B}": before[B]}

    sent = broadcast(before, meant, {}, codec)
    site = with_news(
        before,
        changed=read_update(sent.news.payload),
        whole=read_update(sent.news.whole),
        by_change=sent.news.by_change,
    )

    assert adapter_digest(site) == adapter_digest(sent.bundle)
    assert len(site) == 4
