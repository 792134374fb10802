import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fedmedlora.errors import InputError
from fedmedlora.evaluation.intervals import draws, tally
from fedmedlora.study.cells import Cell
from fedmedlora.study.experiments import told
from fedmedlora.study.keeping import counts_by_figure, kept, kept_path, require_paired, strangers
from fedmedlora.tasks.findings import Findings, Span
from fedmedlora.tasks.scoring import count_note
from fedmedlora.tasks.tally import tally_to_json


@pytest.fixture
def cell(study: Path) -> Cell:
    return Cell("main", "as_is", ("fed_medlora",), 0, study.parent / "small.toml", {}, ())


def write(folder: Path, of: Cell, **otherwise: Any) -> None:  # noqa: ANN401 -- any JSON
    path = kept_path(folder, of)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"schema": 1, "cell": told(of), **otherwise}), encoding="utf-8")


class TestKept:
    def test_a_cell_that_was_not_run_is_left_out(self, cell: Cell, tmp_path: Path) -> None:
        write(tmp_path, cell, arms=[])

        found = kept(tmp_path, [cell, replace(cell, seed=1)])

        assert list(found) == ["main/as_is.fed_medlora.seed0"]
        assert found[cell.name]["arms"] == []

    def test_cells_that_were_told_something_else_are_refused_all_at_once(
        self, cell: Cell, tmp_path: Path
    ) -> None:
        other = replace(cell, seed=1)
        write(tmp_path, cell)
        write(tmp_path, other)
        now = [replace(one, values={"training.epochs": 2}) for one in (cell, other)]

        with pytest.raises(InputError) as caught:
            kept(tmp_path, now)

        assert [fault.where for fault in caught.value.faults] == [
            str(kept_path(tmp_path, one)) for one in now
        ]
        # Only what differs is told: the value, and the experiment with it.
        assert caught.value.faults[0].found == (
            "a cell of another study: values training.epochs was null, is 2; "
            "experiment training epochs was null, is 2"
        )

    def test_what_an_earlier_version_did_not_write_is_not_held_against_it(
        self, cell: Cell, tmp_path: Path
    ) -> None:
        before = {key: value for key, value in told(cell).items() if key != "experiment"}
        write(tmp_path, cell, cell=before)

        assert list(kept(tmp_path, [cell])) == [cell.name]

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 1}', '{"schema": 1, "cell": 3}'])
    def test_a_file_that_is_no_cell_is_refused(self, cell: Cell, tmp_path: Path, text: str) -> None:
        write(tmp_path, cell)
        kept_path(tmp_path, cell).write_text(text, encoding="utf-8")

        with pytest.raises(InputError, match="found no cell of a study, expected one; remove it"):
            kept(tmp_path, [cell])

    def test_another_schema_is_refused(self, cell: Cell, tmp_path: Path) -> None:
        write(tmp_path, cell, schema=2)

        with pytest.raises(InputError, match="found schema 2, expected schema 1; move it away"):
            kept(tmp_path, [cell])


class TestRequirePaired:
    def cells(self, cell: Cell) -> list[Cell]:
        return [cell, replace(cell, arms=("fed_prox",)), replace(cell, variant="other")]

    def test_cells_of_a_variant_have_the_same_sites_and_notes(self, cell: Cell) -> None:
        one, two, apart = self.cells(cell)
        sites = [{"name": "a", "notes": {"test": 2}}]
        documents = {each.name: {"sites": sites} for each in (one, two)}
        documents[apart.name] = {"sites": [{"name": "a", "notes": {"test": 1}}]}

        require_paired(Path("cells"), [one, two, apart], documents)

    @pytest.mark.parametrize(
        "sites",
        [[{"name": "a", "notes": {"test": 1}}], [{"name": "b", "notes": {"test": 2}}], []],
    )
    def test_others_are_refused(self, cell: Cell, sites: list[dict[str, Any]]) -> None:
        one, two, _ = self.cells(cell)
        documents: dict[str, dict[str, Any]] = {
            one.name: {"sites": [{"name": "a", "notes": {"test": 2}}]},
            two.name: {"sites": sites},
        }

        with pytest.raises(InputError, match=r"fed_prox.*: found other sites or notes, expected"):
            require_paired(Path("cells"), [one, two], documents)


def test_strangers_are_files_of_no_cell(cell: Cell, tmp_path: Path) -> None:
    write(tmp_path, cell)
    write(tmp_path, replace(cell, setting="gone"))

    assert strangers(tmp_path, [cell]) == [tmp_path / "gone" / "as_is.fed_medlora.seed0.json"]


def test_each_notes_counts_come_out_of_the_sums_of_a_run() -> None:
    pain, drug = Span(0, 4, "problem"), Span(5, 9, "drug")
    notes = [
        count_note(Findings((pain, drug)), Findings((pain,))),
        count_note(Findings((pain,)), Findings((pain, drug))),
    ]
    drawn = draws({"a": 2}, replicates=40, seed=3)["a"]

    found = counts_by_figure("a", tally_to_json(tally(notes, drawn)), replicates=40, seed=3)

    # tp, fp, fn: gold has pain and a drug, found is pain; the other way round.
    assert found["ner_strict"] == [[1, 0, 1], [1, 1, 0]]
    assert found["problem_strict"] == [[1, 0, 0], [1, 0, 0]]
    # No relation was there to be found: undefined, and left out.
    assert "re_strict" not in found
