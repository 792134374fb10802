from dataclasses import replace
from pathlib import Path

import pytest
from tests.experiment.smallest import SMALLEST, Write, faults, with_line

from fedmedlora.experiment.config import (
    Lora,
    SiteEntry,
    changed_keys,
    parse_experiment,
    read_experiment,
    settings,
)


def test_what_is_left_out_has_the_defaults(write: Write) -> None:
    experiment = read_experiment(write(SMALLEST))

    assert (experiment.name, experiment.rounds, experiment.seed) == ("demo", 3, 0)
    assert (experiment.patience, experiment.quorum, experiment.new_site_rounds) == (2, 1, 2)
    assert experiment.model.lora == Lora(
        rank=16, alpha=64, dropout=0.0, target_modules="all-linear"
    )
    assert experiment.training.learning_rate == 1e-3
    assert experiment.training.head_learning_rate is None
    assert experiment.aggregation.size_exponent == 0.5
    assert experiment.evaluation.replicates == 1000
    assert experiment.engine.name == "local"


def test_what_is_written_is_read(write: Write) -> None:
    text = SMALLEST.replace('base = "minilm"', 'base = "minilm"\nlora = {rank = 4, dropout = 0.1}')
    text = text.replace('base = "minilm"', 'base = "minilm"\nquantization = "4bit"')
    text += 'role = "train"\nmax_notes = 7\n'
    text += "[training]\nhead_learning_rate = 1\ngradient_checkpointing = true\n"

    experiment = read_experiment(write(text))

    assert experiment.model.lora == Lora(rank=4, alpha=64, dropout=0.1)
    assert experiment.sites[1].max_notes == 7
    assert experiment.training.head_learning_rate == 1.0
    assert experiment.training.gradient_checkpointing is True
    assert experiment.model.quantization == "4bit"
    assert type(experiment.training.head_learning_rate) is float


def test_target_modules_may_be_a_list(write: Write) -> None:
    text = with_line('lora = {target_modules = ["query", "value"]}', after='base = "minilm"')

    assert read_experiment(write(text)).model.lora.target_modules == ("query", "value")


def test_site_paths_start_from_the_folder_of_the_file(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(SMALLEST)
    monkeypatch.chdir(tmp_path.parent)

    experiment = read_experiment(Path(tmp_path.name) / "demo.toml")

    assert [site.path for site in experiment.sites] == [tmp_path / "heart", tmp_path / "bones"]


def test_sites_are_found_by_role(write: Write, tmp_path: Path) -> None:
    text = SMALLEST + '[[sites]]\npath = "new"\nrole = "new_site"\n'

    experiment = read_experiment(write(text))

    assert experiment.sites_of("new_site") == (SiteEntry(path=tmp_path / "new", role="new_site"),)
    assert len(experiment.sites_of("train")) == 2
    assert experiment.sites_of("server") == ()


@pytest.mark.parametrize("section", ["model", "bert"])
def test_a_base_that_begins_with_a_point_is_a_folder_beside_the_file(
    write: Write, tmp_path: Path, section: str
) -> None:
    text = f'{SMALLEST}[bert]\nbase = "bundled"\n'
    before = {"model": '"minilm"', "bert": '"bundled"'}[section]
    text = text.replace(before, '"./model"')

    assert faults(write(text)) == [
        (
            f"demo.toml: [{section}].base: found no folder {tmp_path}/model, "
            "expected the folder of a base model"
        )
    ]
    (tmp_path / "model").mkdir()
    assert getattr(read_experiment(write(text)), section).base == f"{tmp_path}/model"


def test_every_fault_is_told_at_once(write: Write) -> None:
    text = SMALLEST.replace("rounds = 3", 'rounds = "3"\npatiens = 1').replace("bones", "gone")
    text += "[training]\nepochs = 0\n"

    found = faults(write(text))

    assert [fault.split(": found")[0] for fault in found] == [
        "demo.toml: [experiment].patiens",
        "demo.toml: [experiment].rounds",
        "demo.toml: [training].epochs",
        "demo.toml: [[sites]][1].path",
    ]


def test_bad_syntax_is_told_with_its_line(write: Write) -> None:
    # Line 1 is empty, [experiment] stands in line 2, name in line 3, rounds in line 4.
    found = faults(write(SMALLEST.replace("rounds = 3", "rounds = ")))

    assert found == ["demo.toml:4: found invalid value, expected TOML; correct this line"]


def test_bad_syntax_at_the_end_is_told_with_the_last_line(write: Write) -> None:
    found = faults(write("[experiment]\nname ="))

    assert found[0].startswith("demo.toml:2: found")


@pytest.mark.parametrize("content", [None, b'name = "\xff"'])
def test_a_file_that_cannot_be_read_is_an_input_error(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "demo.toml"
    if content is not None:
        path.write_bytes(content)

    assert len(faults(path)) == 1


def test_an_empty_file_lacks_what_has_no_default(write: Write) -> None:
    found = faults(write(""))

    assert [fault.split(": found")[0] for fault in found] == [
        "demo.toml: [experiment].name",
        "demo.toml: [experiment].rounds",
        "demo.toml: [experiment].arms",
        "demo.toml: [model].base",
        "demo.toml: [[sites]]",
    ]


def test_sites_that_are_no_tables_are_refused(write: Write) -> None:
    text = 'sites = ["heart"]\n' + SMALLEST.split("[[sites]]", maxsplit=1)[0]

    assert faults(write(text)) == [
        'demo.toml: sites: found ["heart"], expected tables that begin with [[sites]]'
    ]


def test_a_faulty_limit_of_a_site_does_not_hide_that_its_folder_is_missing(write: Write) -> None:
    found = faults(write(SMALLEST.replace('"bones"', '"gone"\nmax_notes = 0')))

    assert [fault.split(": found")[0] for fault in found] == [
        "demo.toml: [[sites]][1].max_notes",
        "demo.toml: [[sites]][1].path",
    ]


def test_parsing_a_text_does_not_look_for_folders(tmp_path: Path) -> None:
    experiment = parse_experiment(SMALLEST, name="copy.toml", folder=tmp_path / "gone")

    assert experiment.sites[0].path == tmp_path / "gone" / "heart"


def test_changed_keys_are_named_with_dots(write: Write, tmp_path: Path) -> None:
    before = read_experiment(write(SMALLEST))
    after = replace(
        before,
        rounds=4,
        model=replace(before.model, lora=Lora(rank=8)),
        sites=(before.sites[0], SiteEntry(path=tmp_path / "new", max_notes=3), before.sites[1]),
    )

    assert changed_keys(before, before) == []
    assert changed_keys(before, after) == [
        "experiment.rounds",
        "model.lora.rank",
        "sites[1].max_notes",
        "sites[2].role",
        "sites[2].sha256",
        "sites[2].max_notes",
        "sites[2].max_sentences",
        "sites[2].max_heads",
        "sites[2].lora_rank",
        "sites[2].lora_alpha",
    ]


def test_an_endpoint_may_be_asked_more_patiently_in_a_run_that_goes_on(write: Write) -> None:
    endpoint = '[endpoint]\nurl = "http://127.0.0.1:1/v1"\nmodel = "big"\n'
    patient = 'timeout_s = 9.0\nattempts = 9\nat_once = 1\nkey_variable = "KEY"\n'
    before = read_experiment(write(SMALLEST + endpoint))

    assert changed_keys(before, read_experiment(write(SMALLEST + endpoint + patient))) == []
    other = read_experiment(write(SMALLEST + endpoint + "window_words = 9\n"))
    assert changed_keys(before, other) == ["endpoint.window_words"]


def test_two_spellings_of_one_experiment_have_the_same_settings(write: Write) -> None:
    before = read_experiment(write(SMALLEST))
    text = SMALLEST.replace('"heart"', '"./bones/../heart"')

    after = read_experiment(write("# a comment\n" + text + "[training]\nlearning_rate = 0.001\n"))

    assert changed_keys(before, after) == []
    assert settings(before) == settings(after)
