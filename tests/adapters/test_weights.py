import numpy as np
import pytest

from fedmedlora.adapters.weights import (
    AdapterWeights,
    add,
    differs_in_rank_only,
    lora_rank,
    num_parameters,
    subtract,
)


def adapter(**tensors: list[list[float]]) -> AdapterWeights:
    return {name: np.array(values, dtype=np.float32) for name, values in tensors.items()}


def test_subtract_is_left_minus_right_and_add_undoes_it() -> None:
    local = adapter(a=[[5.0, 1.0]], b=[[2.0], [8.0]])
    start = adapter(b=[[1.0], [4.0]], a=[[3.0, 4.0]])

    delta = subtract(local, start)

    # 5 - 3, 1 - 4; 2 - 1, 8 - 4
    assert delta["a"].tolist() == [[2.0, -3.0]]
    assert delta["b"].tolist() == [[1.0], [4.0]]
    assert delta["a"].dtype == np.float32
    back = add(start, delta)
    assert all(np.array_equal(back[name], local[name]) for name in local)


def test_arithmetic_leaves_its_inputs_as_they_were() -> None:
    left, right = adapter(a=[[1.0]]), adapter(a=[[2.0]])

    add(left, right)
    subtract(left, right)

    assert left["a"].item() == 1.0
    assert right["a"].item() == 2.0


def test_parameters_are_counted_over_all_tensors() -> None:
    assert num_parameters(adapter(a=[[1.0, 2.0, 3.0]], b=[[1.0], [2.0]])) == 3 + 2


def test_other_names_are_refused_and_named() -> None:
    with pytest.raises(ValueError, match=r"1 missing \('b'\) and 1 extra \('c'\)"):
        subtract(adapter(a=[[1.0]], c=[[1.0]]), adapter(a=[[1.0]], b=[[1.0]]))


def test_only_a_few_of_many_names_are_shown() -> None:
    many = adapter(**{f"t{i}": [[1.0]] for i in range(9)})

    with pytest.raises(ValueError, match=r"9 missing \('t0', 't1', 't2', \.\.\.\) and 0 extra"):
        add({}, many)


def test_shapes_that_numpy_would_broadcast_are_refused() -> None:
    row, block = adapter(a=[[1.0, 2.0]]), adapter(a=[[1.0, 2.0], [3.0, 4.0]])

    with pytest.raises(ValueError, match=r"'a': found \(1, 2\), expected \(2, 2\)"):
        add(row, block)


@pytest.mark.parametrize(
    ("name", "shape", "rank"),
    [
        ("layer.query.lora_A.weight", (8, 384), 8),
        ("layer.query.lora_B.weight", (384, 8), 8),
        ("layer.query.lora_B.weight", (8, 8), 8),
        ("classifier.weight", (8, 384), None),
    ],
)
def test_rank_follows_from_the_name(name: str, shape: tuple[int, ...], rank: int | None) -> None:
    assert lora_rank(name, shape) == rank


@pytest.mark.parametrize(
    ("name", "found", "only_rank"),
    [
        ("q.lora_A.weight", (16, 384), True),
        ("q.lora_A.weight", (8, 768), False),
        ("q.lora_A.weight", (16, 768), False),
        ("q.lora_A.weight", (8, 384), False),
        ("q.lora_A.weight", (8, 384, 1), False),
        ("classifier.weight", (16, 384), False),
    ],
)
def test_a_shape_differs_in_rank_only_when_its_other_axis_agrees(
    name: str, found: tuple[int, ...], only_rank: bool
) -> None:
    assert differs_in_rank_only(name, found, (8, 384)) is only_rank
