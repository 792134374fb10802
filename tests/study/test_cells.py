from dataclasses import replace
from pathlib import Path

from fedmedlora.study.cells import cells_of
from fedmedlora.study.changes.split import Split
from fedmedlora.study.schema import Change, Setting, Variant

TWO, THREE = (Change("split", Split(into=into)) for into in (2, 3))
SETTING = Setting(
    name="main",
    title="Main",
    experiment=Path("x.toml"),
    arms=("fed_medlora", "fed_medlora_plus+adapted"),
    seeds=(0, 7),
    values={"training.epochs": 1, "training.warmup": 0.1},
    changes=(TWO,),
    variants=(
        Variant(name="as_is"),
        Variant(
            name="more", arms=("fed_medlora",), values={"training.epochs": 3}, changes=(THREE,)
        ),
    ),
)


def test_cells_are_variants_by_arms_by_seeds() -> None:
    assert [cell.name for cell in cells_of(SETTING)] == [
        "main/as_is.fed_medlora.seed0",
        "main/as_is.fed_medlora.seed7",
        "main/as_is.fed_medlora_plus+adapted.seed0",
        "main/as_is.fed_medlora_plus+adapted.seed7",
        "main/more.fed_medlora.seed0",
        "main/more.fed_medlora.seed7",
    ]
    assert list(cells_of(SETTING))[2].arms == ("fed_medlora_plus", "adapted")


def test_a_variant_goes_before_its_setting_and_its_changes_come_after() -> None:
    last = list(cells_of(SETTING))[-1]

    assert last.values == {"training.epochs": 3, "training.warmup": 0.1}
    assert last.changes == (TWO, THREE)


def test_a_trial_goes_before_the_setting_and_behind_the_variant() -> None:
    trial = Variant(name="trial", values={"training.epochs": 2, "training.warmup": 0.2})

    values = {
        cell.name: dict(cell.values)
        for cell in cells_of(replace(SETTING, seeds=(0,)), {"fed_medlora": trial})
    }

    assert values["main/as_is.fed_medlora.seed0"] == {"training.epochs": 2, "training.warmup": 0.2}
    assert values["main/more.fed_medlora.seed0"] == {"training.epochs": 3, "training.warmup": 0.2}
    # Another arm has trials of its own.
    assert values["main/as_is.fed_medlora_plus+adapted.seed0"] == dict(SETTING.values)


def test_a_group_takes_over_the_trial_of_its_first_arm() -> None:
    trial = Variant(name="trial", values={"training.epochs": 2})

    cells = list(
        cells_of(SETTING, {"fed_medlora_plus": trial, "adapted": Variant(values={"x.y": 1})})
    )

    assert cells[2].values == {"training.epochs": 2, "training.warmup": 0.1}
