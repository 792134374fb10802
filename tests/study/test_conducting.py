import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fedmedlora.errors import InputError, QuorumError, StoreError
from fedmedlora.experiment.disk import lock_folder
from fedmedlora.study.conducting import batches_of, conduct, kept_of
from fedmedlora.study.pages import write_pages
from fedmedlora.study.reading import read_study

SECONDS = {"seconds", "usage"}
COMMAND = "import sys; from fedmedlora.cli import main; sys.exit(main())"


def without_seconds(value: Any) -> Any:  # noqa: ANN401 -- any JSON
    if isinstance(value, dict):
        return {key: without_seconds(one) for key, one in value.items() if key not in SECONDS}
    return [without_seconds(one) for one in value] if isinstance(value, list) else value


def cells(out: Path) -> dict[str, str]:
    """Return the kept cells of a study as they are but for what takes time and memory."""
    return {
        str(path.relative_to(out)): json.dumps(without_seconds(json.loads(path.read_bytes())))
        for path in sorted(out.rglob("cells/**/*.json"))
    }


def tables(out: Path) -> list[str]:
    """Return the tables of a study without their last column, seconds."""
    lines = (out / "tables.md").read_text("utf-8").splitlines()
    return [line.rpartition(" | ")[0] if line.startswith("|") else line for line in lines]


def run(study: Path, out: Path, *, resume: bool = False) -> None:
    read = read_study(study)
    write_pages(read, conduct(read, out, resume=resume, workers=2), out)


def changed(file: Path, was: str, now: str) -> None:
    text = file.read_text("utf-8")
    assert was in text
    file.write_text(text.replace(was, now), encoding="utf-8")


@pytest.fixture(scope="module")
def ran() -> dict[str, Path]:
    """Return where the one finished study lies, once a test has run it."""
    return {}


@pytest.fixture
def finished(ran: dict[str, Path], study: Path, tmp_path: Path) -> Path:
    """Return the folder of a copy of the study when it is done."""
    if "out" not in ran:
        run(study, tmp_path / "first")
        ran["out"] = tmp_path / "first"
    return Path(shutil.copytree(ran["out"], tmp_path / "out"))


def test_a_study_leaves_its_cells_and_tables_and_nothing_else(finished: Path) -> None:
    names = {str(path.relative_to(finished)) for path in finished.rglob("*") if path.is_file()}

    assert {name for name in names if not name.endswith(".html")} == {
        "cells/main/as_is.fed_medlora_plus.seed0.json",
        "cells/main/noisy.fed_medlora_plus.seed0.json",
        "tables.md",
        "figures.csv",
    }
    assert [path.name for path in finished.iterdir() if path.is_dir()] == ["cells"]


def test_going_on_with_a_finished_study_changes_no_byte(finished: Path, study: Path) -> None:
    before = {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}
    # Tables come from kept cells alone: what they were made of may be gone.
    for site in ("cardiology", "psychiatry"):
        changed(study.parent / "small.toml", f"/{site}", f"/elsewhere/{site}")

    run(study, finished, resume=True)

    assert {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()} == before


def test_noise_moves_figures_and_the_same_notes_are_counted(finished: Path) -> None:
    kept = [json.loads(path.read_bytes()) for path in sorted(finished.rglob("cells/**/*.json"))]

    as_is, noisy = ({site["name"]: site for site in cell["sites"]} for cell in kept)

    assert [site for site in as_is if as_is[site] != noisy[site]] == ["psychiatry"]
    assert as_is["psychiatry"]["notes"] == {"train": 1, "held_out": 0, "dev": 2, "test": 2}
    counted = kept[0]["arms"][0]["notes"]
    assert {site: len(figures["ner_strict"]) for site, figures in counted.items()} == {
        "cardiology": 2,
        "nephrology": 2,
        "psychiatry": 2,
    }


def test_cells_are_not_gone_on_with_unasked(finished: Path, study: Path) -> None:
    with pytest.raises(InputError, match="found cells of a study, expected none; go on with"):
        run(study, finished)


@pytest.mark.parametrize(
    ("file", "was", "now", "told"),
    [
        ("small.toml", "rounds = 1", "rounds = 2", "experiment experiment rounds was 1, is 2"),
        ("small.toml", "max_sentences = 2", "max_sentences = 3", "experiment sites was"),
        ("study.toml", "title = ", "values = { 'training.epochs' = 2 }\ntitle = ", "values "),
    ],
)
def test_every_kept_cell_that_was_told_something_else_is_named(
    finished: Path, study: Path, file: str, was: str, now: str, told: str
) -> None:
    changed(study.parent / file, was, now)

    with pytest.raises(InputError) as caught:
        run(study, finished, resume=True)

    assert [Path(fault.where).name for fault in caught.value.faults] == [
        "as_is.fed_medlora_plus.seed0.json",
        "noisy.fed_medlora_plus.seed0.json",
    ]
    assert told in str(caught.value)


def test_what_does_not_change_a_figure_may_change(finished: Path, study: Path) -> None:
    changed(study.parent / "small.toml", 'arms = ["zero_shot"]', 'arms = ["few_shot"]\nseed = 9')
    changed(study, 'title = "Small"', 'title = "Tiny"')

    run(study, finished, resume=True)

    assert "## Tiny" in (finished / "tables.md").read_text("utf-8")


def test_cells_of_one_variant_with_other_notes_are_not_paired(finished: Path, study: Path) -> None:
    changed(study, 'arms = ["fed_medlora_plus"]', 'arms = ["fed_medlora_plus"]\nseeds = [0, 1]')
    for name in ("as_is", "noisy"):
        path = finished / "cells" / "main" / f"{name}.fed_medlora_plus.seed0.json"
        cell = json.loads(path.read_bytes())
        cell["cell"]["seed"] = cell["cell"]["experiment"]["experiment"]["seed"] = 1
        cell["sites"][0]["sha256"] = "0" * 64 if name == "noisy" else cell["sites"][0]["sha256"]
        path.with_name(f"{name}.fed_medlora_plus.seed1.json").write_text(json.dumps(cell))
    read = read_study(study)

    for attempt in (lambda: run(study, finished, resume=True), lambda: kept_of(read, finished)):
        with pytest.raises(InputError, match=r"noisy.*1\.json: found other sites or no") as caught:
            attempt()
        assert len(caught.value.faults) == 1


def test_a_kept_cell_of_no_setting_is_told_of(
    finished: Path, study: Path, caplog: pytest.LogCaptureFixture
) -> None:
    changed(study, '{ name = "as_is" },', "")

    run(study, finished, resume=True)

    assert "found 1 kept cells of no setting" in caplog.text


def test_cells_that_fail_stop_no_other_and_are_named(study: Path, tmp_path: Path) -> None:
    changed(study.parent / "small.toml", 'base = "bundled"', 'base = "./nowhere"')
    left_by_a_kill = tmp_path / "out" / "cells" / "main" / ".as_is.json.0a.part"
    left_by_a_kill.parent.mkdir(parents=True)
    left_by_a_kill.touch()

    with pytest.raises(QuorumError) as caught:
        run(study, tmp_path / "out", resume=True)

    first, second = str(caught.value).split("\n")
    assert first.startswith("cell main/as_is.fed_medlora_plus.seed0: found exit code 2 of its run")
    assert second.startswith("cell main/noisy.fed_medlora_plus.seed0: ")
    assert "nowhere" in first
    assert not list((tmp_path / "out" / "cells" / "main").iterdir())


def test_sites_that_do_not_fit_are_told_before_anything_runs(study: Path, tmp_path: Path) -> None:
    changed(study, "psychiatry", "surgery")

    with pytest.raises(InputError, match=r"main/noisy: changes\[0\] \(noise\): found no site"):
        run(study, tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_two_at_one_study_do_not_mix(study: Path, tmp_path: Path) -> None:
    work = tmp_path / "out" / "work"
    work.mkdir(parents=True)

    with lock_folder(work), pytest.raises(StoreError, match="found another process at work in it"):
        run(study, tmp_path / "out", resume=True)


def start(study: Path, out: Path) -> "subprocess.Popen[bytes]":
    words = ["study", str(study), "--out", str(out), "--workers", "1", "--resume"]
    return subprocess.Popen([sys.executable, "-c", COMMAND, *words], stderr=subprocess.DEVNULL)


def children(pid: int) -> Iterator[int]:
    """Yield the processes that a process has started and that live."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, _, rest = stat.read_text().rpartition(") ")
        except OSError:
            continue
        state, parent = rest.split()[:2]
        if int(parent) == pid and state != "Z":
            yield int(stat.parent.name)


def wait_for(holds: Callable[[], object], *, within_s: float = 60.0) -> None:
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def has_come_to(mark: str, out: Path, process: "subprocess.Popen[bytes]") -> bool:
    return bool(list(out.glob(mark))) or process.poll() is not None


linux_only = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@linux_only
def test_the_runs_of_a_killed_study_end_with_it(study: Path, tmp_path: Path) -> None:
    with start(study, tmp_path / "out") as process:
        wait_for(lambda: list(children(process.pid)))
        runs = list(children(process.pid))
        process.send_signal(signal.SIGKILL)

    wait_for(lambda: not any(map(is_alive, runs)), within_s=10.0)


@linux_only
@pytest.mark.slow
def test_a_study_killed_again_and_again_ends_in_the_same_cells_and_tables(
    finished: Path, study: Path, tmp_path: Path
) -> None:
    out = tmp_path / "killed"
    begun, trained, kept = "work/*/*/run/run.sqlite", "work/*/*/run/adapters/*", "cells/*/*.json"
    for mark in (begun, trained, kept):
        with start(study, out) as process:
            wait_for(partial(has_come_to, mark, out, process))
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL

    with start(study, out) as process:
        assert process.wait() == 0

    assert cells(out) == cells(finished)
    assert tables(out) == tables(finished)
    assert (out / "figures.csv").read_bytes() == (finished / "figures.csv").read_bytes()
    assert not (out / "work").exists()


def test_what_is_kept_so_far_is_told_without_a_run(finished: Path, study: Path) -> None:
    (finished / "cells/main/noisy.fed_medlora_plus.seed0.json").unlink()

    done = kept_of(read_study(study), finished)

    assert [cell.variant for cell, _ in done] == ["as_is"]
    assert not (finished / "work").exists()


def test_what_is_tuned_comes_as_soon_as_its_trials_are_done(study: Path) -> None:
    (only,) = read_study(study).settings
    names = {"first": None, "tuned": "trials", "trials": None, "last": None, "more": "trials"}
    settings = [replace(only, name=name, tuned_by=by) for name, by in names.items()]

    batches = batches_of(replace(read_study(study), settings=tuple(settings)))

    assert [[one.name for one in batch] for batch in batches] == [
        ["first"],
        ["trials"],
        ["tuned", "last", "more"],
    ]
