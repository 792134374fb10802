"""What is kept of a cell: its figures and each note's counts, so that any interval can be made.

    CELLS/<setting>/<variant>.<arms>.seed<seed>.json

A run keeps sums over notes in each draw of its bootstrap. Those draws are known, so that the counts
of each note follow from them; they are a tenth of the size, and serve the draws of the study, which
are the same for every cell.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fedmedlora.durable_files import write_whole
from fedmedlora.errors import Fault, InputError, StoreError
from fedmedlora.evaluation.intervals import counts_of_notes, draws
from fedmedlora.experiment.results import results
from fedmedlora.experiment.store import RunStore
from fedmedlora.study.cells import Cell
from fedmedlora.tasks.tally import FIGURES, tally_from_json

Kept = dict[str, Any]

_SCHEMA = 1
_OF_SITES = ("name", "role", "num_notes", "sha256", "final_split", "labels")
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


def kept(folder: Path, cell: Cell) -> Kept | None:
    """Return what was kept of a cell, None where it was not run yet.

    Raises:
        InputError: It was run with other values, or the file was altered.
    """
    path = kept_path(folder, cell)
    if not path.exists():
        return None
    try:
        document: Kept = json.loads(path.read_bytes())
        schema, told = document["schema"], document["cell"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError([Fault(str(path), "no cell of a study", "one", "remove it")]) from error
    if schema != _SCHEMA or told != cell.told():
        expected = "what the study says of it now"
        advice = "move it away to have it run anew, or undo the change"
        raise InputError([Fault(str(path), f"a cell that was told {told}", expected, advice)])
    return document


def _document(cell: Cell, store: RunStore) -> Kept:
    figures = results(store)
    experiment = store.experiment()
    arms = []
    for arm in figures["arms"]:
        notes = {
            site: _notes(site, final["tally"], experiment.evaluation.replicates, cell.seed)
            for site, final in store.finals(arm["name"]).items()
        }
        arms.append({**_arm(arm), "notes": notes})
    return {
        "schema": _SCHEMA,
        "cell": cell.told(),
        "environment": {**figures["environment"], "settings": None},
        "settings": figures["environment"]["settings"],
        "sites": [
            {key: site[key] for key in _OF_SITES if key in site} for site in figures["sites"]
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


def _notes(site: str, tally: list[Any], replicates: int, seed: int) -> dict[str, Any]:
    read = tally_from_json(tally)
    drawn = draws({site: read.num_notes}, replicates=replicates, seed=seed)[site]
    return {
        figure: counts_of_notes(read, figure, drawn).tolist()
        for figure in FIGURES
        if read.rows(figure).any()
    }
