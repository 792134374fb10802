from pathlib import Path

import pytest

from fedmedlora.errors import InputError
from fedmedlora.study.changes.noise import Noise
from fedmedlora.study.reading import read_study
from fedmedlora.study.schema import Change, Hospitals, Study, Variant

SMALLEST = """
[study]
name = "small"

[[settings]]
name = "main"
title = "Main"
experiment = "sub/small.toml"
arms = ["fed_medlora"]
"""


def read(folder: Path, text: str) -> Study:
    file = folder / "study.toml"
    file.write_text(text, encoding="utf-8")
    return read_study(file)


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        read(folder, text)
    return [str(fault).replace(f"{folder}/study.toml: ", "") for fault in caught.value.faults]


def one_fault(folder: Path, text: str) -> str:
    [fault] = faults(folder, text)
    return fault


def test_what_is_left_out_has_defaults(tmp_path: Path) -> None:
    study = read(tmp_path, SMALLEST)

    assert (study.reference, study.replicates, study.hospitals) == ("fed_medlora_plus", 2000, None)
    [setting] = study.settings
    assert (setting.seeds, setting.tuned_by, setting.variants) == ((0,), None, (Variant(),))


def test_folders_start_where_the_file_lies(tmp_path: Path) -> None:
    text = '[hospitals]\nfolder = "here"\nnotes = 30\n' + SMALLEST
    change = '{ kind = "add", path = "../more" }'

    study = read(tmp_path, f"{text}changes = [{change}]\n")

    assert study.hospitals == Hospitals(folder=tmp_path / "here", notes=30)
    assert study.settings[0].experiment == tmp_path / "sub" / "small.toml"
    assert study.settings[0].changes[0].settings.path == tmp_path.parent / "more"


def test_a_variant_has_values_and_changes(tmp_path: Path) -> None:
    text = """
variants = [
    { name = "one", x = 2, arms = ["fed_medlora"], values = { "training.epochs" = 2 } },
    { name = "two", changes = [{ kind = "noise", site = "a", share = 0.5 }] },
]
"""
    study = read(tmp_path, SMALLEST + text)

    assert study.settings[0].variants == (
        Variant(name="one", x=2.0, arms=("fed_medlora",), values={"training.epochs": 2}),
        Variant(name="two", changes=(Change("noise", Noise(site="a", share=0.5)),)),
    )


def test_dots_may_stand_outside_of_quotes(tmp_path: Path) -> None:
    text = 'values = { training.epochs = 2, "model.lora.rank" = 4, sites.a.max_notes = 3 }\n'

    values = read(tmp_path, SMALLEST + text).settings[0].values

    assert values == {"training.epochs": 2, "model.lora.rank": 4, "sites.a.max_notes": 3}


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    text = """
more = 1

[study]
name = "Small"
reference = "fed_medlora_pluss"

[hospitals]
notes = 0

[[settings]]
name = "main"
experiment = "x.toml"
arms = ["fed_medlora"]
values = 3
changes = [{ kind = "noisy" }, { kind = "noise", site = "a", share = 2.0 }, "noise"]
variants = [{ nam = "one" }, 4]

[[settings]]
name = "other"
title = "Other"
experiment = "x.toml"
arms = ["fed_medlora", "fed_medlroa"]
"""
    told = faults(tmp_path, text)

    assert [fault.partition(": found")[0] for fault in told] == [
        "more",
        "[study].name",
        "[hospitals].folder",
        "[hospitals].notes",
        "[[settings]][0].title",
        "[[settings]][0].values",
        "[[settings]][0].changes[0]",
        "[[settings]][0].changes[1].share",
        "[[settings]][0].changes[2]",
        "[[settings]][0].variants[0].nam",
        "[[settings]][0].variants[1]",
        "[[settings]][1].arms",
        # Not told of [study].reference: its table has a fault of its own.
    ]
    kinds = "one of add, annotate, deal, give, keep, noise, split"
    assert told[6].endswith(f"{kinds}; did you mean noise?")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("settings = 3", "settings: found 3, expected tables that begin with [[settings]]"),
        ("", "settings: found [], expected tables that begin with [[settings]]"),
    ],
)
def test_a_study_without_settings_is_refused(tmp_path: Path, line: str, told: str) -> None:
    assert one_fault(tmp_path, f'{line}\n[study]\nname = "small"\n') == told


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("variants = 3", "variants: found 3, expected a list of tables"),
        ("changes = 3", "changes: found 3, expected a list of tables"),
        (
            'values = { "experiment.seed" = 2 }',
            (
                "values.experiment.seed: found a key that the study "
                "sets itself, expected another key"
            ),
        ),
        (
            "values = { engine.workers = 2 }",
            ("values.engine.workers: found a key that the study sets itself, expected another key"),
        ),
        (
            "values = { epochs = 2 }",
            (
                "values.epochs: found no key of an experiment, expected SECTION.KEY, "
                "or sites.FOLDER.KEY"
            ),
        ),
        (
            "values = { sites.max_notes = 2 }",
            (
                "values.sites.max_notes: found no key of an experiment, expected "
                "SECTION.KEY, or sites.FOLDER.KEY"
            ),
        ),
        (
            "variant = []",
            (
                "variant: found an unknown key, expected one of name, title, experiment, "
                "arms, seeds, tuned_by, curve, screening, asks, values, changes, variants; did "
                "you mean variants?"
            ),
        ),
    ],
)
def test_a_wrong_line_of_a_setting_is_one_fault(tmp_path: Path, line: str, told: str) -> None:
    assert one_fault(tmp_path, f"{SMALLEST}{line}\n") == f"[[settings]][0].{told}"


def test_what_is_no_toml_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"study\.toml:2: found .*expected TOML"):
        read(tmp_path, "[study]\nname = \n")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found no readable text, expected a study in TOML"):
        read_study(tmp_path / "study.toml")


def test_the_studies_of_the_repository_can_be_read() -> None:
    folder = Path(__file__).parents[2] / "experiments" / "study"
    studies = [file for file in folder.glob("*.toml") if "[[settings]]" in file.read_text("utf-8")]

    assert studies
    assert all(read_study(file).settings for file in studies)
