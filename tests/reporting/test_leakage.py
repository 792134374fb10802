from typing import Any

from tests.reporting.conftest import row

from fedmedlora.reporting.leakage import leakage_part
from fedmedlora.reporting.page import render

Json = dict[str, Any]


def figure(value: float) -> Json:
    return {"value": value, "ci95": [value - 0.01, value + 0.01]}


def attack(arm: str, auc: float, *, noise: bool) -> Json:
    rates = {"auc": figure(auc), "tpr": figure(auc / 2)}
    return {
        "arm": arm,
        "noise": noise,
        "attacked": "its update of round 2",
        "membership": {"loss": rates, "calibrated": rates, "start": rates},
        "exposure": {"secrets": 20, "most": 7.64, "attacked": 6.04, "start": 1.42},
        "tokens": {"in_use": 9, "recall": 0.32, "noise": 0.13, "public": 0.28, "guess": 0.1},
    }


PRIVATE = attack("fed_medlora", 0.52, noise=True)
OPEN = attack("single_site:oncology", 0.96, noise=False)


def test_what_was_found_with_noise_and_without_stands_side_by_side(results: Json) -> None:
    part = leakage_part({**results, "leakage": {"oncology": [PRIVATE, OPEN]}})

    private, bare = (f"{arm}its update of round 2" for arm in ("Fed-MedLoRA", "oncology alone"))
    assert row(part, private) == [
        private,
        "with",
        "0.5200.510 to 0.530",
        "0.2600.250 to 0.270",
        "6.04",
        "1.42",
        "7.64",
        "0.320",
        "0.130",
        "0.280",
    ]
    assert row(part, bare)[1:3] == ["without", "0.9600.950 to 0.970"]
    assert part.index("Fed-MedLoRA") < part.index("oncology alone")
    assert "a guess has an AUC of 0.5" in part


def test_what_could_not_be_measured_is_a_dash(results: Json) -> None:
    nothing = {**PRIVATE, "membership": None, "exposure": None, "tokens": None}
    part = leakage_part({**results, "leakage": {"oncology": [nothing]}})

    assert row(part, "Fed-MedLoRAits update of round 2")[2:] == ["–"] * 8


def test_a_run_that_was_not_attacked_says_so(results: Json) -> None:
    page = render(results, [])

    assert "What attacks get out of it" in page
    assert "Not measured: fedmedlora audit leakage RUN" in page
    assert "Not measured" not in render({**results, "leakage": {"oncology": [OPEN]}}, [])
