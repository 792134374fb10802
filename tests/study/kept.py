"""Kept cells of a few notes each, as `keeping` hands them out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fedmedlora.study.cells import Cell
from fedmedlora.study.schema import Setting, Study, Variant

Rows = Sequence[tuple[int, int, int]]


def one_arm(
    name: str,
    sites: Mapping[str, Rows],
    *,
    figure: str = "ner_strict",
    dev: Sequence[Mapping[str, float | None]] = (),
    best_round: int = 1,
) -> dict[str, Any]:
    """Return an arm.

    Args:
        sites: Site to tp, fp and fn of each of its notes.
        dev: Dev F1 by site, round by round.
    """
    sent = {"bytes_up": {"a": 10}, "bytes_down": {"a": 20, "b": 30}}
    return {
        "name": name,
        "kind": "federated",
        "seconds": 2.0,
        "best_round": best_round,
        "rounds": [{"round": index, **sent, "dev": each} for index, each in enumerate(dev, 1)],
        "notes": {site: {figure: [list(row) for row in rows]} for site, rows in sites.items()},
    }


def one_cell(*arms: Mapping[str, Any], roles: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return a cell; without `roles` sites a and b train and c is outside."""
    known = roles or {"a": "train", "b": "train", "c": "external"}
    return {
        "sites": [{"name": name, "role": role} for name, role in known.items()],
        "arms": list(arms),
    }


PLUS, FED, ALONE = "fed_medlora_plus", "fed_medlora", "single_site:a"
GOOD: Rows = [(9, 1, 1), (8, 0, 2), (7, 2, 3)]
"""tp 24, fp 3, fn 6: F1 48 / 57."""
BAD: Rows = [(5, 5, 5), (4, 4, 6), (4, 5, 6)]
"""tp 13, fp 14, fn 17: F1 26 / 57."""
SCORES: dict[str, dict[str, Rows]] = {
    PLUS: {"a": GOOD, "b": GOOD, "c": BAD},
    FED: {"a": BAD, "b": GOOD, "c": BAD},
    ALONE: {"a": BAD, "b": BAD, "c": BAD},
    "local_only:c": {"c": GOOD},
}


def kept_cell(scores: dict[str, dict[str, Rows]]) -> dict[str, Any]:
    return one_cell(*(one_arm(name, sites) for name, sites in scores.items()))


def one_study(*variants: str) -> Study:
    setting = Setting(
        name="main",
        title="Main",
        experiment=Path("x.toml"),
        arms=(PLUS,),
        variants=tuple(Variant(name=name) for name in variants),
    )
    return Study(name="small", replicates=100, settings=(setting,))


def cell_of(variant: str, seed: int = 0) -> Cell:
    return Cell("main", variant, (PLUS,), seed, Path("x.toml"), {}, ())
