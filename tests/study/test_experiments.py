import json
from dataclasses import replace
from pathlib import Path

import pytest

from fedmedlora.errors import InputError
from fedmedlora.experiment.config import read_experiment
from fedmedlora.formats.site_folder import read_site
from fedmedlora.study.cells import Cell
from fedmedlora.study.change import change_kinds
from fedmedlora.study.experiments import require_right, require_sites, told, write_experiment
from fedmedlora.study.schema import Change


@pytest.fixture
def cell(study: Path) -> Cell:
    """Return a cell of the small study without values or changes."""
    file = study.parent / "small.toml"
    return Cell("main", "as_is", ("fed_medlora_plus",), 3, file, {}, ())


def with_change(cell: Cell, kind: str, **settings: object) -> Cell:
    return replace(cell, changes=(Change(kind, change_kinds()[kind].settings(**settings)),))


def edited(cell: Cell, was: str, now: str) -> Cell:
    text = cell.experiment.read_text("utf-8")
    assert was in text
    cell.experiment.write_text(text.replace(was, now), encoding="utf-8")
    return cell


def faults(*cells: Cell) -> list[str]:
    with pytest.raises(InputError) as caught:
        require_right(cells)
    return [str(fault) for fault in caught.value.faults]


class TestWriteExperiment:
    def test_the_cell_says_what_runs_and_the_file_the_rest(
        self, cell: Cell, tmp_path: Path
    ) -> None:
        began = read_experiment(cell.experiment)

        written = read_experiment(write_experiment(cell, tmp_path))

        assert (written.name, written.seed, written.arms) == ("main", 3, ("fed_medlora_plus",))
        assert (written.training.num_threads, written.engine.workers) == (1, 1)
        assert (written.sites, written.model, written.evaluation) == (
            began.sites,
            began.model,
            replace(began.evaluation, calibration_notes=0),
        )

    def test_how_sure_a_cell_is_is_counted_where_it_is_asked_for(
        self, cell: Cell, tmp_path: Path
    ) -> None:
        asked = replace(cell, values={"evaluation.calibration_notes": 3})

        written = read_experiment(write_experiment(asked, tmp_path))

        assert written.evaluation.calibration_notes == 3

    def test_values_are_said_otherwise(self, cell: Cell, tmp_path: Path) -> None:
        values = {
            "training.epochs": 2,
            "model.lora.rank": 4,
            "sites.psychiatry.max_notes": 1,
            "experiment.rounds": 5,
        }

        written = read_experiment(write_experiment(replace(cell, values=values), tmp_path))

        assert (written.training.epochs, written.rounds) == (2, 5)
        assert (written.model.lora.rank, written.model.lora.alpha) == (4, 4)
        assert [site.max_notes for site in written.sites] == [None, 1, None, None]

    def test_folders_start_where_the_file_lies(self, cell: Cell, tmp_path: Path) -> None:
        beside, work = cell.experiment.parent, tmp_path / "work"
        for folder in (beside / "base", beside / "wards" / "psychiatry", work):
            folder.mkdir(parents=True)
        edited(cell, 'base = "bundled"', 'base = "./base"')
        values = {"sites.psychiatry.path": "wards/psychiatry", "bert.base": "./base"}

        written = read_experiment(write_experiment(replace(cell, values=values), work))

        assert written.sites[1].path == (beside / "wards" / "psychiatry").resolve()
        assert (written.model.base, written.bert.base) == (str(beside / "base"),) * 2

    def test_changed_sites_lie_beside_it_and_written_again_they_are_the_same(
        self, cell: Cell, tmp_path: Path
    ) -> None:
        noisy = with_change(cell, "noise", site="psychiatry", share=1.0)

        written = read_experiment(write_experiment(noisy, tmp_path))
        before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        write_experiment(noisy, tmp_path)

        was = read_experiment(cell.experiment)
        assert [(site.role, site.max_sentences) for site in written.sites] == [
            (site.role, site.max_sentences) for site in was.sites
        ]
        same = [
            read_site(now.path, required=()) == read_site(before.path, required=())
            for now, before in zip(written.sites, was.sites, strict=True)
            if now.path and before.path
        ]
        assert same == [True, False, True, True]
        assert {path: path.read_bytes() for path in before} == before

    def test_parts_of_a_site_are_not_called_what_the_site_was(
        self, cell: Cell, tmp_path: Path
    ) -> None:
        edited(cell, '/cardiology"', '/cardiology"\nname = "cardiology"\nmax_heads = 3')

        path = write_experiment(with_change(cell, "split", into=2), tmp_path)

        sites = read_experiment(path).sites
        assert [Path(site.path or "").name for site in sites][:2] == [
            "cardiology_1",
            "cardiology_2",
        ]
        assert [(site.name, site.max_heads) for site in sites[:3]] == [(None, 3)] * 2 + [
            (None, None)
        ]


class TestTold:
    def test_it_is_json_without_a_folder_of_this_machine(self, cell: Cell, tmp_path: Path) -> None:
        one = with_change(cell, "add", path=tmp_path / "wards" / "heart")

        text = json.dumps(told(one))

        assert json.loads(text) == told(one)
        assert str(tmp_path) not in text
        assert '"path": "heart"' in text
        assert '"path": "cardiology"' in text

    @pytest.mark.parametrize(
        ("was", "now"),
        [
            ("rounds = 1", "rounds = 2"),
            ("rank = 2", "rank = 3"),
            ("max_sentences = 2", "max_sentences = 3"),
            ('role = "external"', 'role = "new_site"'),
        ],
    )
    def test_another_file_is_another_cell(self, cell: Cell, was: str, now: str) -> None:
        before = told(cell)

        assert told(edited(cell, was, now)) != before

    @pytest.mark.parametrize(
        ("was", "now"),
        [
            ('name = "any"', 'name = "other"'),
            ('arms = ["zero_shot"]', "seed = 4\narms = []"),
            ("[evaluation]", "[engine]\nworkers = 3\n\n[evaluation]"),
            ("[evaluation]", "[training]\nnum_threads = 3\n\n[evaluation]"),
        ],
    )
    def test_what_a_cell_does_not_take_from_the_file_does_not_count(
        self, cell: Cell, was: str, now: str
    ) -> None:
        before = told(cell)

        assert told(edited(cell, was, now)) == before


class TestRequireRight:
    def test_a_right_cell_passes(self, cell: Cell) -> None:
        require_right([cell])

    def test_every_fault_is_told_once_a_setting(self, cell: Cell) -> None:
        values = {"training.epoch": 2, "sites.psychiatry.max_notes": 0}
        wrong = replace(cell, values=values)

        told_ = faults(wrong, replace(wrong, seed=4), cell, replace(wrong, setting="other"))

        assert [fault.partition(": found")[0] for fault in told_] == [
            "cell main/as_is.fed_medlora_plus.seed3: [training].epoch",
            "cell main/as_is.fed_medlora_plus.seed3: [[sites]][1].max_notes",
            "cell other/as_is.fed_medlora_plus.seed3: [training].epoch",
            "cell other/as_is.fed_medlora_plus.seed3: [[sites]][1].max_notes",
        ]

    @pytest.mark.parametrize(
        ("key", "told_"),
        [
            ("sites.surgery.max_notes", "found 0 folders 'surgery', expected one of cardiology,"),
            ("training.epochs.first", "epochs: found 1, expected a table of keys and values"),
            ("training", "training: found 1, expected a table of keys and values"),
        ],
    )
    def test_a_value_that_fits_nowhere_is_one_fault(self, cell: Cell, key: str, told_: str) -> None:
        values = {"training.epochs": 1, key: 1}

        [fault] = faults(replace(cell, values=values if key != "training" else {key: 1}))

        assert told_ in fault

    def test_two_folders_of_one_name_are_told_apart_by_nobody(self, cell: Cell) -> None:
        edited(cell, "nephrology", "elsewhere/psychiatry")

        [fault] = faults(replace(cell, values={"sites.psychiatry.max_notes": 1}))

        assert "found 2 folders 'psychiatry'" in fault

    def test_too_few_draws_to_tell_notes_apart_are_refused(self, cell: Cell) -> None:
        [fault] = faults(replace(cell, values={"evaluation.final_notes": 21}))

        # 21 notes and 20 more; there are 40 draws.
        assert fault.endswith(
            "[evaluation].replicates: found 40, expected at least 41, 20 more than final_notes; or "
            "set final_notes lower"
        )

    def test_a_task_with_other_figures_is_refused(self, cell: Cell) -> None:
        [fault] = faults(replace(cell, values={"model.task": "answer"}))

        assert fault.endswith(
            '[model].task: found "answer", expected "extract", whose figures a study tells; run it '
            "by itself"
        )

    def test_a_file_that_is_not_there_is_told(self, cell: Cell) -> None:
        [fault] = faults(replace(cell, experiment=Path("nowhere.toml")))

        assert fault == "nowhere.toml: found no readable text, expected an experiment"


class TestRequireSites:
    def test_right_ones_pass(self, cell: Cell) -> None:
        require_sites([cell, with_change(cell, "split", into=2)])

    def test_every_fault_is_told_once(self, cell: Cell) -> None:
        missing = edited(cell, "/psychiatry", "/surgery")
        wrong = with_change(cell, "noise", site="x", share=0.5)

        with pytest.raises(InputError) as caught:
            require_sites([missing, replace(missing, seed=9), wrong, replace(wrong, variant="b")])

        [fault] = caught.value.faults
        assert fault.found == "no such folder"

    def test_a_change_that_does_not_fit_names_its_variant(self, cell: Cell) -> None:
        wrong = [
            replace(with_change(cell, "split", into=9), variant=variant) for variant in ("b", "c")
        ]

        with pytest.raises(InputError) as caught:
            require_sites(wrong)

        assert [fault.where for fault in caught.value.faults] == [
            "main/b: changes[0] (split)",
            "main/c: changes[0] (split)",
        ]

    def test_two_sites_of_one_name_are_refused_where_sites_are_changed(self, cell: Cell) -> None:
        edited(cell, "/nephrology", "/psychiatry")

        with pytest.raises(InputError, match="found 'psychiatry' twice"):
            require_sites([with_change(cell, "split", into=2)])
