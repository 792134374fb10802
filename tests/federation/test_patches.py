import numpy as np
import pytest
from tests.federation.methods.dense import Matrices, change, federation, furthest, start

from fedmedlora.adapters.low_rank import layers
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.federation.patches import as_adapter, model


def product(adapter: AdapterWeights) -> Matrices:
    return {a: adapter[b].astype(np.float64) @ adapter[a] for a, b in layers(adapter)}


@pytest.mark.parametrize("method", ["flora", "fed_ex_lora"])
def test_one_wider_adapter_changes_what_a_patched_one_does(method: str) -> None:
    federated = federation(method, {"a": (2, 1.0), "c": (1, 1.0)} if method == "flora" else None)
    for _ in range(2):
        bundle = federated.close_round()

    adapter, times = as_adapter(bundle)

    # FLoRA: 4 of the adapter and 2 + 4 + 1 of each round, 18, so 5 times 4.
    # FedEx-LoRA: 4 and 4 x 4 of each round, 36.
    assert times == {"flora": 5, "fed_ex_lora": 9}[method]
    assert {adapter[a].shape[0] for a, _ in layers(adapter)} == {4 * times}
    assert furthest(product(adapter), change(bundle)) < 1e-6
    np.testing.assert_array_equal(adapter["head"], bundle["head"])


def test_an_adapter_without_patches_stays_as_it_is() -> None:
    adapter, times = as_adapter(start())

    assert times == 1
    assert all(np.array_equal(adapter[name], start()[name]) for name in start())


def test_a_rule_without_patches_keeps_those_it_starts_from() -> None:
    patched, averaged = federation("flora"), federation("fed_medlora")
    patched.close_round()
    averaged.state = patched.state

    bundle = averaged.close_round()

    kept = {name for name in patched.state.adapter if name.startswith("patch1/")}
    assert kept
    assert all(np.array_equal(bundle[name], patched.state.adapter[name]) for name in kept)


def test_a_second_federation_adds_its_patches_to_the_first_s() -> None:
    first, second = federation("flora"), federation("fed_ex_lora")
    first.close_round()
    before = change(first.state.adapter)
    second.state = first.state
    second.close_round()

    kinds = {name.partition("/")[0] for name in second.state.adapter if "/" in name}
    assert kinds == {"patch1", "patch2"}
    assert furthest(change(second.state.adapter), before) > 0.1


def test_the_model_is_the_adapter_and_its_patches_alone() -> None:
    bundle = {
        **start(),
        "control/head": np.zeros(1, np.float32),
        "patch1/x": np.ones(1, np.float32),
    }

    assert model(bundle).keys() == {*start(), "patch1/x"}
