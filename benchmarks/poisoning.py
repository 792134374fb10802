"""Two of ten hospitals send what harms: how much strict F1 the others lose under each rule.

The hospitals are the demo's five, invented twice, without relations. The attackers know what the
honest ones sent in the round. What they do:

    sign flip       -10 times what they learnt
    gaussian        noise of 50 times the norm of what they learnt
    label flip      they learn honestly from notes whose entity types are permuted
    alie            the honest mean less one standard deviation, value by value

python benchmarks/poisoning.py --out runs/bench/poisoning.json

Source: a little is enough, Baruch et al. 2019 (arXiv 1902.06635), section 3, with z = 1.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from contest.figures import keep, machine, table, told_aside
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.adapters.wire import encode_update
from fedmedlora.clinical.notes import Labels, Note, SiteNotes
from fedmedlora.engines.opening import engine_of
from fedmedlora.experiment.cohorts import annotated_types, load_cohorts
from fedmedlora.experiment.config import read_experiment
from fedmedlora.experiment.results import results
from fedmedlora.experiment.run import run
from fedmedlora.experiment.store import RunStore
from fedmedlora.federation.engine import Engine, Outcome, Participant
from fedmedlora.formats.site_folder import write_site
from fedmedlora.synthetic.hospitals import synthesize

ATTACKERS = ("oncology0", "psychiatry1")
"""One with many notes, one with few."""
LABEL_FLIP = "label flip"
_RULES = {
    "Fed-MedLoRA, no clipping": ("open", "fed_medlora"),
    "Fed-MedLoRA": ("clipped", "fed_medlora"),
    "trimmed mean": ("clipped", "trimmed_mean"),
    "coordinate median": ("clipped", "coordinate_median"),
    "multi-Krum": ("clipped", "multi_krum"),
}
_LIMITS = {"open": "norm_factor = 1e9\nlargest_rms = 1e9\n", "clipped": ""}
_EXPERIMENT = """
[experiment]
name = "poisoning"
seed = {seed}
rounds = {rounds}
patience = 99
quorum = 10
arms = [{arms}]

[model]
base = "bundled"
dtype = "auto"
window_tokens = 96

[training]
rounds_per_epoch = 2
min_steps = 16
learning_rate = 4e-3
rate_ratio = 2.0
head_learning_rate = 1e-2
warmup = 0.1
num_threads = 1

[methods.multi_krum]
num_attackers = 2

[evaluation]
round_notes = 2
final_notes = 10
replicates = 2
drawn_notes = 0

[admission]
{limits}
"""

Delta = dict[str, NDArray[np.float32]]
Harm = Callable[[AdapterWeights, Sequence[AdapterWeights], np.random.Generator], Delta]
"""From what an attacker learnt, what the honest sites sent and randomness to what it sends."""


def _sign_flip(
    own: AdapterWeights, honest: Sequence[AdapterWeights], rng: np.random.Generator
) -> Delta:
    del honest, rng
    return {name: own[name] * np.float32(-10) for name in own}


def _gaussian(
    own: AdapterWeights, honest: Sequence[AdapterWeights], rng: np.random.Generator
) -> Delta:
    del honest
    values = np.concatenate([own[name].reshape(-1) for name in sorted(own)])
    deviation = 50 * float(np.sqrt(np.square(values, dtype=np.float64).mean()))
    return {
        name: rng.normal(scale=deviation, size=own[name].shape).astype(np.float32)
        for name in sorted(own)
    }


def _alie(own: AdapterWeights, honest: Sequence[AdapterWeights], rng: np.random.Generator) -> Delta:
    del rng
    found = {}
    for name in sorted(own):
        sent = np.stack([one[name] for one in honest]).astype(np.float64)
        found[name] = (sent.mean(axis=0) - sent.std(axis=0)).astype(np.float32)
    return found


ATTACKS: Mapping[str, Harm | None] = {
    "none": None,
    "sign flip": _sign_flip,
    "gaussian": _gaussian,
    LABEL_FLIP: None,
    "alie": _alie,
}


class Attacked:
    """An engine two of whose sites send something else than they learnt; else as the one within."""

    def __init__(self, engine: Engine, harm: Harm) -> None:
        self._engine, self._harm = engine, harm

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- whatever an engine has
        return getattr(self._engine, name)

    def train(
        self, participants: Sequence[Participant], start: AdapterWeights, plans: Mapping[str, Any]
    ) -> Iterator[Outcome]:
        """Yield the honest outcomes, then those of the attackers, who have seen them."""
        outcomes = list(self._engine.train(participants, start, plans))
        sent = {one.participant.name: one.sent for one in outcomes}
        honest = [one.delta for name, one in sorted(sent.items()) if one and name not in ATTACKERS]
        for outcome in outcomes:
            name, own = outcome.participant.name, outcome.sent
            if own is None or name not in ATTACKERS:
                yield outcome
                continue
            rng = np.random.default_rng([ATTACKERS.index(name), own.round_index])
            payload = encode_update(self._harm(own.delta, honest, rng), plans[name].codec)
            yield replace(outcome, sent=replace(own, payload=payload))


def main() -> int:
    """Run, print a table, write JSON."""
    options, began_on, began = _options(), machine(), time.monotonic()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_notes(folder / "notes", seed=options.seed)
        for attack in options.attacks:
            rows += _under(folder, attack, options)
    minutes = (time.monotonic() - began) / 60
    sys.stdout.write(f"{began_on}; {options.rounds} rounds, {minutes:.0f} min\n\n{_table(rows)}")
    keep(options, {"rows": rows, "minutes": minutes, "attackers": ATTACKERS})
    return 0


def _under(folder: Path, attack: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return what every rule comes to under an attack."""
    arms: dict[str, list[str]] = {}
    for limits, arm in _RULES.values():
        arms.setdefault(limits, []).append(arm)
    ended = {limits: _run(folder, attack, limits, arms[limits], options) for limits in arms}
    return [
        {"attack": attack, "rule": rule, **ended[limits][arm]}
        for rule, (limits, arm) in _RULES.items()
    ]


def _run(
    folder: Path, attack: str, limits: str, arms: Sequence[str], options: argparse.Namespace
) -> dict[str, Any]:
    """Return by arm the mean F1 over the honest sites, and what was clipped or left out."""
    number = len([*folder.glob("*.toml")])
    file = folder / f"{number}.toml"
    file.write_text(_text(attack, limits, arms, options), encoding="utf-8")
    experiment = read_experiment(file)
    cohorts = load_cohorts(experiment)
    harm = ATTACKS[attack]
    with RunStore.create(folder / f"{number}", experiment_path=file, environment={}) as store:
        opening = engine_of(
            "own",
            experiment,
            cohorts,
            annotated_types(cohorts),
            shelf=store.adapters,
            environ={},
        )
        with opening as engine:
            attacked = cast("Engine", Attacked(engine, harm)) if harm else engine
            run(experiment, attacked, store, cohorts)
        return {arm["name"]: _figures(arm) for arm in results(store)["arms"]}


def _text(attack: str, limits: str, arms: Sequence[str], options: argparse.Namespace) -> str:
    text = _EXPERIMENT.format(
        seed=options.seed,
        rounds=options.rounds,
        arms=", ".join(f'"{arm}"' for arm in arms),
        limits=_LIMITS[limits],
    )
    for site in _sites(options.seed):
        flipped = attack == LABEL_FLIP and site in ATTACKERS
        text += f'[[sites]]\npath = "notes/{"flipped/" if flipped else ""}{site}"\n'
    return text


def _figures(arm: Mapping[str, Any]) -> dict[str, Any]:
    f1 = {site: scores["ner"]["strict"]["f1"] or 0.0 for site, scores in arm["final"].items()}
    honest = {site: value for site, value in f1.items() if site not in ATTACKERS}
    clips = [clip for each in arm["rounds"] for clip in each["clipping"]["clipped"]]
    return {
        "f1": statistics.mean(honest.values()),
        "by_site": f1,
        "best_round": arm["best_round"],
        "dev": [each["score"] for each in arm["rounds"]],
        "clipped": sorted({(clip["site"]) for clip in clips}),
        "num_clips": len(clips),
        "shares": [each["shares"] for each in arm["rounds"]],
    }


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    without = {row["rule"]: row["f1"] for row in rows if row["attack"] == "none"}
    head = ["attack", "rule", "strict F1", "lost", "best round", "updates clipped", "attackers'"]
    return table(
        head,
        [
            [
                row["attack"],
                row["rule"],
                f"{row['f1']:.3f}",
                f"{without[row['rule']] - row['f1']:+.3f}" if row["rule"] in without else "-",
                f"{row['best_round']}",
                f"{row['num_clips']}",
                _of_attackers(row),
            ]
            for row in rows
        ],
    )


def _of_attackers(row: Mapping[str, Any]) -> str:
    """Return the attackers' part of the sum, mean over the rounds."""
    parts = [sum(shares[site] for site in ATTACKERS) for shares in row["shares"]]
    return f"{statistics.mean(parts):.2f}"


def _sites(seed: int) -> dict[str, SiteNotes]:
    """Return ten hospitals: the demo's five, invented twice."""
    found = {}
    for turn in (0, 1):
        for name, (role, site) in synthesize(seed=2 * seed + turn).items():
            if role == "train":
                found[f"{name}{turn}"] = _named(site, f"{name}{turn}")
    return found


def _named(site: SiteNotes, name: str) -> SiteNotes:
    splits = {
        split: tuple(replace(note, site=name, relations=()) for note in notes)
        for split, notes in site.splits.items()
    }
    labels = Labels(site.labels.entities, ())
    return replace(site, name=name, labels=labels, splits=splits)


def _flipped(site: SiteNotes) -> SiteNotes:
    """Return a site whose training notes call each type by the next one's name."""
    types = site.labels.entities
    following = dict(zip(types, (*types[1:], types[0]), strict=True))

    def wrong(note: Note) -> Note:
        return replace(
            note, entities=tuple(replace(e, type=following[e.type]) for e in note.entities)
        )

    train = tuple(wrong(note) for note in site.splits["train"])
    return replace(site, splits={**site.splits, "train": train})


def _write_notes(folder: Path, *, seed: int) -> None:
    for name, site in _sites(seed).items():
        write_site(folder / name, site, role="train", synthetic=True, seed=seed)
        if name in ATTACKERS:
            other = folder / "flipped" / name
            write_site(other, _flipped(site), role="train", synthetic=True, seed=seed)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=6, metavar="N", help="of training")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of notes and training")
    parser.add_argument("--attacks", nargs="+", choices=ATTACKS, default=[*ATTACKS])
    told_aside(parser)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
