import logging
from pathlib import Path

import pytest

from fedmedlora.study.cells import Cell
from fedmedlora.study.running import _Clock, _make_room


def cell(seed: int, *arms: str) -> Cell:
    return Cell("main", "as_is", arms or ("fed_medlora",), seed, Path("x.toml"), {}, ())


class TestClock:
    def test_what_is_left_takes_as_long_as_its_like_took(self) -> None:
        fast, slow = [cell(seed, "zero_shot") for seed in range(3)], [cell(0), cell(1)]
        clock = _Clock([*fast, *slow], workers=2, position=4)

        # Nothing is known of the slow ones: 4 cells of 10 s each on two workers.
        assert clock.done(fast[0], 10.0) == (5, 20.0)
        # 2 fast ones of 10 s and a slow one of 100 s.
        assert clock.done(slow[0], 100.0) == (6, 60.0)
        # A fast one of (10 + 20) / 2 s and the slow one.
        assert clock.done(fast[1], 20.0) == (7, 57.5)

    def test_at_the_end_nothing_is_left(self) -> None:
        assert _Clock([cell(0)], workers=1, position=0).done(cell(0), 9.0) == (1, 0.0)


class TestMakeRoom:
    @pytest.fixture
    def one(self, study: Path) -> Cell:
        return Cell("main", "as_is", ("fed_medlora",), 0, study.parent / "small.toml", {}, ())

    def test_what_was_begun_of_a_cell_is_left_for_it(self, one: Cell, tmp_path: Path) -> None:
        folder = tmp_path / "work" / "one"
        _make_room(one, folder)
        (folder / "run").mkdir()

        _make_room(one, folder)

        assert (folder / "run").is_dir()

    def test_what_was_begun_of_another_makes_room(
        self, one: Cell, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        folder = tmp_path / "work" / "one"
        _make_room(one, folder)
        (folder / "run").mkdir()
        text = one.experiment.read_text("utf-8").replace("rounds = 1", "rounds = 2")
        one.experiment.write_text(text, encoding="utf-8")

        with caplog.at_level(logging.WARNING):
            _make_room(one, folder)

        assert [path.name for path in folder.iterdir()] == ["cell.json"]
        assert "told something else, begun anew" in caplog.text

    def test_a_folder_that_says_nothing_of_its_cell_makes_room(
        self, one: Cell, tmp_path: Path
    ) -> None:
        (tmp_path / "one" / "run").mkdir(parents=True)

        _make_room(one, tmp_path / "one")

        assert not (tmp_path / "one" / "run").exists()
