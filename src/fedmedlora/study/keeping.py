"""What is kept of a cell: its figures and each note's counts, so that any interval can be made.

    CELLS/<setting>/<variant>.<arms>.seed<seed>.json

A run keeps sums over notes in each draw of its bootstrap. Those draws are known, so that the counts
of each note follow from them; they are a tenth of the size, and serve the draws of the study, which
are the same for every cell.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fedmedlora.durable_files import write_whole
from fedmedlora.errors import Fault, InputError, StoreError
from fedmedlora.evaluation.intervals import counts_of_notes, draws
from fedmedlora.experiment.results import results
from fedmedlora.experiment.store import RunStore
from fedmedlora.experiment.toml_values import show
from fedmedlora.study.cells import Cell
from fedmedlora.study.experiments import told
from fedmedlora.tasks.tally import figures_of, tally_from_json

Kept = dict[str, Any]

_SCHEMA = 1
_ANEW = "move it away to have it run anew, or undo the change"
_OF_SITES = ("name", "role", "notes", "entities", "relations")
_OF_ROUNDS = ("round", "shares", "reports", "bytes_up", "bytes_down", "seconds")


def kept_path(folder: Path, cell: Cell) -> Path:
    """Return where a cell is kept."""
    return folder / f"{cell.name}.json"


def keep(folder: Path, cell: Cell, run: Path) -> None:
    """Keep what a finished run of a cell came to.

    Raises:
        StoreError: The run cannot be read, or the file not be written.
    """
    with RunStore.open(run) as store:
        document = _document(cell, store)
    path = kept_path(folder, cell)
    text = json.dumps(document, allow_nan=False, separators=(",", ":"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, f"{text}\n".encode())
    except OSError as error:
        message = f"{path}: found {error.strerror!r} on writing, expected room for it"
        raise StoreError(f"{message}; free the disk and go on with --resume") from error


def kept(folder: Path, cells: Iterable[Cell]) -> dict[str, Kept]:
    """Return what was kept of some cells by name; one that was not run yet is left out.

    Raises:
        InputError: Some were told something else, or their files were altered; names each.
    """
    documents: dict[str, Kept] = {}
    faults: list[Fault] = []
    for cell in cells:
        path = kept_path(folder, cell)
        if not path.exists():
            continue
        try:
            documents[cell.name] = _read(path, cell)
        except InputError as error:
            faults += error.faults
    if faults:
        raise InputError(faults)
    return documents


def require_paired(folder: Path, cells: Sequence[Cell], documents: Mapping[str, Kept]) -> None:
    """Return if all cells of a variant had the same notes, so that their figures can be paired.

    Raises:
        InputError: Some had others; names each.
    """
    first: dict[tuple[str, str], Cell] = {}
    faults = []
    for cell in cells:
        like = first.setdefault((cell.setting, cell.variant), cell)
        if _unlike(documents[like.name]["sites"], documents[cell.name]["sites"]):
            where, expected = str(kept_path(folder, cell)), f"those of {kept_path(folder, like)}"
            faults.append(Fault(where, "other sites or notes", expected, _ANEW))
    if faults:
        raise InputError(faults)


def strangers(folder: Path, cells: Iterable[Cell]) -> list[Path]:
    """Return what is kept there and is no cell of these."""
    return sorted(set(folder.rglob("*.json")) - {kept_path(folder, cell) for cell in cells})


def counts_by_figure(
    site: str, tally: list[Any], *, replicates: int, seed: int
) -> dict[str, list[list[int]]]:
    """Return tp, fp and fn of each of a site's notes, by figure; one that is undefined is left out.

    Args:
        tally: As a run keeps it.
        replicates: Draws of the run.
        seed: Of the run.
    """
    read = tally_from_json(tally)
    drawn = draws({site: read.num_notes}, replicates=replicates, seed=seed)[site]
    return {
        figure: counts_of_notes(read, figure, drawn).tolist()
        for figure in figures_of(read.total)
        if read.rows(figure).any()
    }


def _read(path: Path, cell: Cell) -> Kept:
    try:
        document: Kept = json.loads(path.read_bytes())
        schema, before = document["schema"], dict(document["cell"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError([Fault(str(path), "no cell of a study", "one", "remove it")]) from error
    if schema != _SCHEMA:
        raise InputError([Fault(str(path), f"schema {schema}", f"schema {_SCHEMA}", _ANEW)])
    now = told(cell)
    # What an earlier version did not write down cannot be held against it.
    if changed := [key for key in now if before.get(key, now[key]) != now[key]]:
        found = "; ".join(f"{key} {_difference(before[key], now[key])}" for key in changed)
        raise InputError([Fault(str(path), f"a cell of another study: {found}", "this one", _ANEW)])
    return document


def _difference(before: object, now: object) -> str:
    """Return in which keys two values differ, or both where they have none."""
    if isinstance(before, dict) and isinstance(now, dict):
        keys = [key for key in {**before, **now} if before.get(key) != now.get(key)]
        return ", ".join(f"{key} {_difference(before.get(key), now.get(key))}" for key in keys)
    return f"was {show(before)}, is {show(now)}"


def _unlike(sites: Sequence[Kept], others: Sequence[Kept]) -> bool:
    if [one["name"] for one in sites] != [one["name"] for one in others]:
        return True
    pairs = zip(sites, others, strict=True)
    return any(one[key] != other[key] for one, other in pairs for key in one.keys() & other.keys())


def _document(cell: Cell, store: RunStore) -> Kept:
    figures = results(store)
    experiment = store.experiment()
    digests = store.meta("notes") or {}
    arms = []
    for arm in figures["arms"]:
        notes = {
            site: counts_by_figure(
                site,
                final["tally"],
                replicates=experiment.evaluation.replicates,
                seed=cell.seed,
            )
            for site, final in store.finals(arm["name"]).items()
        }
        arms.append({**_arm(arm), "notes": notes})
    environment = dict(figures["environment"])
    return {
        "schema": _SCHEMA,
        "cell": told(cell),
        "settings": environment.pop("settings"),
        "environment": environment,
        "sites": [
            {**{key: site[key] for key in _OF_SITES}, "sha256": digests[site["name"]]}
            for site in figures["sites"]
        ],
        "communication": figures["communication"],
        "arms": arms,
    }


def _arm(arm: Mapping[str, Any]) -> Kept:
    own = {key: arm[key] for key in ("name", "kind", "seconds", "best_round")}
    return {**own, "rounds": list(_rounds(arm["rounds"]))}


def _rounds(rounds: Sequence[Mapping[str, Any]]) -> Iterator[Kept]:
    """Yield rounds with the dev score of each site, which curves and choices are made of."""
    for one in rounds:
        dev = {
            site: (scores or {}).get("ner", {}).get("strict", {}).get("f1")
            for site, scores in (one.get("evaluation") or {}).items()
        }
        absent = [each["site"] for each in one.get("absences", ())]
        own = {key: one[key] for key in _OF_ROUNDS if key in one}
        yield {**own, "dev": dev, **({"absent": absent} if absent else {})}
