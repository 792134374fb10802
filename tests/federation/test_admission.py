import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fedmedlora.adapters.files import open_adapter, write_adapter
from fedmedlora.errors import AdmissionError
from fedmedlora.federation.admission import admit, admit_all
from fedmedlora.federation.updates import SiteReport, SiteUpdate

A, B, HEAD = "q.lora_A.weight", "q.lora_B.weight", "classifier.weight"
SITES = ("north", "south", "west")


def tensors(*, rank: int = 2, width: int = 5) -> dict[str, NDArray[np.float32]]:
    shapes = {A: (rank, width), B: (3, rank), HEAD: (4, 3)}
    return {name: np.full(shape, 0.5, dtype=np.float32) for name, shape in shapes.items()}


def good(site: str = "north") -> SiteUpdate:
    return SiteUpdate(SiteReport(site, 3, 50, 0.4, 0.1), tensors(), base="b0", start="s0")


def with_tensor(name: str, tensor: NDArray[Any]) -> SiteUpdate:
    return replace(good(), delta={**tensors(), name: tensor})


def with_report(**changes: Any) -> SiteUpdate:  # noqa: ANN401 -- each field its own type
    return replace(good(), report=replace(good().report, **changes))


def check(update: SiteUpdate) -> None:
    expected = dict.fromkeys(SITES, tensors())
    admit(update, expected=expected, start_digest="s0", base="b0", round_index=3)


def test_a_good_update_passes() -> None:
    check(good())


def test_a_good_update_passes_from_a_file(tmp_path: Path) -> None:
    stored = write_adapter(tmp_path, tensors())

    check(replace(good(), delta=open_adapter(stored.path)))


def test_numbers_that_a_site_need_not_report_may_be_missing() -> None:
    check(with_report(validation_loss=None, shift=None))


def test_a_site_that_is_not_enrolled_is_refused() -> None:
    with pytest.raises(AdmissionError, match=r"found 'east', expected one of north, south, west"):
        check(with_report(site="east"))


@pytest.mark.parametrize("round_index", [2, 4])
def test_an_update_of_another_round_is_refused(round_index: int) -> None:
    with pytest.raises(AdmissionError, match=f"north: round: found {round_index}, expected 3"):
        check(with_report(round_index=round_index))


def test_another_base_model_is_refused() -> None:
    with pytest.raises(AdmissionError, match="north: base model: found b1, expected b0"):
        check(replace(good(), base="b1"))


def test_another_starting_adapter_is_refused() -> None:
    with pytest.raises(AdmissionError, match="north: starting adapter: found s1, expected s0"):
        check(replace(good(), start="s1"))


def test_missing_and_extra_tensors_are_refused_and_named() -> None:
    delta = tensors()
    delta["k.lora_A.weight"] = delta.pop(A)

    with pytest.raises(
        AdmissionError,
        match=r"1 missing \('q\.lora_A\.weight'\) and 1 extra \('k\.lora_A\.weight'\)",
    ):
        check(replace(good(), delta=delta))


def test_another_shape_is_refused_with_both_shapes() -> None:
    with pytest.raises(
        AdmissionError,
        match=r"'q\.lora_A\.weight': found \(2, 7\), expected \(2, 5\); all sites must train",
    ) as caught:
        check(replace(good(), delta=tensors(width=7)))

    assert "only the LoRA rank differs" not in str(caught.value)


def test_another_rank_is_refused_and_called_so() -> None:
    with pytest.raises(AdmissionError, match=r"only the LoRA rank differs: found 4, expected 2"):
        check(replace(good(), delta=tensors(rank=4)))


def test_another_rank_and_another_width_is_not_called_a_rank() -> None:
    # The head comes first by name, and B differs in its rank alone.
    with pytest.raises(AdmissionError, match=r"found \(4, 7\), expected \(2, 5\)") as caught:
        check(replace(good(), delta=tensors(rank=4, width=7)))

    assert "only" not in str(caught.value)


def test_another_precision_is_refused() -> None:
    half = np.ones((2, 5), dtype=np.float16)

    with pytest.raises(
        AdmissionError, match=r"'q\.lora_A\.weight': found float16, expected float32"
    ):
        check(with_tensor(A, half))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_one_value_that_is_not_finite_is_enough_to_refuse(value: float) -> None:
    delta = tensors()
    delta[HEAD][1, 2] = value

    with pytest.raises(
        AdmissionError, match=r"'classifier\.weight': found 1 of 12 values NaN or infinite"
    ):
        check(replace(good(), delta=delta))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_tokens", 0),
        ("num_tokens", -1),
        ("num_tokens", math.nan),
        ("num_tokens", True),
        ("validation_loss", math.nan),
        ("validation_loss", math.inf),
        ("validation_loss", -0.1),
        ("shift", math.nan),
        ("shift", -0.1),
        ("shift", 1.1),
    ],
)
def test_numbers_that_cannot_be_are_refused(name: str, value: float) -> None:
    with pytest.raises(AdmissionError, match=f"north: {name}: found {value}, expected"):
        check(with_report(**{name: value}))


def test_of_all_updates_the_good_come_out_in_name_order_and_the_rest_with_a_reason() -> None:
    sick = replace(good("south"), base="b1")

    admitted, refusals = admit_all(
        [good("west"), sick, good("north")],
        expected=dict.fromkeys(SITES, tensors()),
        start_digest="s0",
        base="b0",
        round_index=3,
    )

    assert [update.report.site for update in admitted] == ["north", "west"]
    assert [(absence.site, absence.reason) for absence in refusals] == [
        (
            "south",
            "update of south: base model: found b1, expected b0; install the base model again",
        )
    ]


@pytest.mark.parametrize("first_is_good", [True, False])
def test_the_second_update_of_a_site_is_refused(first_is_good: bool) -> None:
    first = good() if first_is_good else replace(good(), base="b1")

    admitted, refusals = admit_all(
        [first, good()],
        expected=dict.fromkeys(SITES, tensors()),
        start_digest="s0",
        base="b0",
        round_index=3,
    )

    assert admitted == ((first,) if first_is_good else ())
    assert refusals[-1].site == "north"
    assert "found a second one, expected one a round" in refusals[-1].reason
