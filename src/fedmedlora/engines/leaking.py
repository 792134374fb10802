"""What known attacks get out of a run's federated adapter, where the notes are on this machine.

    member     a training note of the site
    other      a note of its dev and test splits, which nothing was trained on
    secret     a number of six digits or more in a training note; its candidates are random numbers
               of as many digits in its place, and the loss is that of its sentence. Of extraction
               alone: an answer that a model writes has a loss of its own words, not of the note's
    start      the adapter that the run began with

Which adapters are attacked, `targets` says. The attacker knows the notes and asks whether they were
trained on.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.clinical.notes import Note
from fedmedlora.clinical.sentences import sentence_spans
from fedmedlora.engines.first_layer import first_inputs
from fedmedlora.engines.models import AnyModel, open_model
from fedmedlora.engines.targets import Target, federated_arm, targets
from fedmedlora.errors import Fault, InputError
from fedmedlora.evaluation.cohorts import Cohort
from fedmedlora.experiment.cohorts import load_cohorts
from fedmedlora.experiment.schema import Experiment
from fedmedlora.experiment.store import RunStore
from fedmedlora.privacy.leakage import (
    auc,
    exposure,
    interval,
    recall_at,
    standing_out,
    true_positive_rate,
)
from fedmedlora.synthetic.hospitals import public_text

_SECRET = re.compile(r"\d{6,}")
_STATISTICS = {"auc": auc, "tpr": true_positive_rate}

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is asked.

    Attributes:
        candidates: What a secret is ranked among, beside itself.
        secrets: So many of a site's are ranked at most.
        replicates: Draws behind each interval.
    """

    candidates: int = 199
    secrets: int = 20
    replicates: int = 1000
    seed: int = 0


def leakage(store: RunStore, *, site: str | None = None, effort: Effort) -> dict[str, Any]:
    """Return what attacks get out of a run: under `sites` each site's attacks, see `targets`.

    Args:
        site: Whose notes are looked for; None for each training site.

    Raises:
        InputError: There is no such arm or site, or its notes are not here or were changed.
        ModelError: The base model on this machine is another, or an adapter is missing.
    """
    experiment = store.experiment()
    cohorts = _cohorts(experiment, store, site)
    arm = federated_arm(store)
    opened = open_model(
        experiment.model,
        experiment.training,
        tuple(store.meta("types")),
        seed=experiment.seed,
        digest=store.meta("models")["own"]["base"],
    )
    start, mode = opened.backbone.initial(), experiment.privacy.mode
    attack = _Attack(opened, effort, learns_text=experiment.model.task == "extract")
    found = {
        name: [attack.on(one, cohort) for one in targets(name, arm, mode, store, start)]
        for name, cohort in cohorts.items()
    }
    return {"privacy": mode, **asdict(effort), "sites": found}


def _cohorts(experiment: Experiment, store: RunStore, site: str | None) -> dict[str, Cohort]:
    if experiment.sites_elsewhere():
        found, expected = "sites whose notes are elsewhere", "a run on one machine"
        advice = "have each site measure on a run of its own"
        raise InputError([Fault(str(store.folder), found, expected, advice)])
    cohorts = load_cohorts(experiment)
    known = store.meta("notes") or {}
    if changed := [name for name in cohorts if known.get(name) != cohorts[name].sha256]:
        found, expected = "other notes", "those the run was trained on"
        raise InputError([Fault(f"{store.folder}: {name}", found, expected) for name in changed])
    training = {name: one for name, one in cohorts.items() if one.role == "train"}
    if site is None:
        return training
    if site not in training:
        expected = f"one of {', '.join(training)}"
        raise InputError([Fault("--site", repr(site), expected)])
    return {site: training[site]}


class _Attack:
    """A loaded base model, and how much is asked of it."""

    def __init__(self, opened: AnyModel, effort: Effort, *, learns_text: bool) -> None:
        self._opened: Any = opened
        self._learns_text = learns_text
        self._backbone: Any = opened.backbone
        self._task: Any = opened.task
        self._effort = effort

    def on(self, target: Target, cohort: Cohort) -> dict[str, Any]:
        """Return what is found of one site's notes."""
        members, others = cohort.train, _others(cohort)
        return {
            "arm": target.arm,
            "noise": target.has_noise,
            "attacked": target.what,
            "members": len(members),
            "others": len(others),
            "membership": self._membership(target, cohort, members, others),
            "exposure": self._exposure(target, cohort),
            "tokens": self._tokens(target, members),
        }

    def _membership(
        self, target: Target, cohort: Cohort, members: Sequence[Note], others: Sequence[Note]
    ) -> dict[str, Any] | None:
        if not members or not others:
            return None
        after = [self._losses(target.attacked, cohort, notes) for notes in (members, others)]
        before = [self._losses(target.start, cohort, notes) for notes in (members, others)]
        calibrated = [first - last for first, last in zip(before, after, strict=True)]
        return {
            "loss": self._told(-after[0], -after[1]),
            "calibrated": self._told(*calibrated),
            "start": self._told(-before[0], -before[1]),
        }

    def _told(self, members: Floats, others: Floats) -> dict[str, Any]:
        drawn = {"replicates": self._effort.replicates, "seed": self._effort.seed}
        return {
            name: {
                "value": statistic(members, others),
                "ci95": interval(statistic, members, others, **drawn),
            }
            for name, statistic in _STATISTICS.items()
        }

    def _losses(self, adapter: AdapterWeights, cohort: Cohort, notes: Sequence[Note]) -> Floats:
        """Return each note's loss, in nats per label token; 0 of one without any."""
        by_note = self._task.examples_by_note(notes, cohort.labels)
        told = iter(self._backbone.objectives(adapter, [one for own in by_note for one in own]))
        losses = []
        for own in by_note:
            tokens = np.array([one.num_label_tokens for one in own])
            nats = np.array([next(told) for _ in own]) @ tokens
            losses.append(nats / max(tokens.sum(), 1))
        return np.array(losses)

    def _exposure(self, target: Target, cohort: Cohort) -> dict[str, Any] | None:
        if not self._learns_text:
            return None
        rng = np.random.default_rng(self._effort.seed)
        secrets = [one for note in cohort.train for one in _secrets(note)][: self._effort.secrets]
        if not secrets:
            return None
        found: dict[str, list[float]] = {"attacked": [], "start": []}
        for secret in secrets:
            rivals = [secret, *_rivals(secret, self._effort.candidates, rng)]
            for key, adapter in (("attacked", target.attacked), ("start", target.start)):
                losses = self._losses(adapter, cohort, rivals)
                found[key].append(exposure(losses[0], losses[1:]))
        return {
            "secrets": len(secrets),
            "most": float(np.log2(self._effort.candidates + 1)),
            **{key: float(np.mean(bits)) for key, bits in found.items()},
        }

    def _tokens(self, target: Target, members: Sequence[Note]) -> dict[str, Any] | None:
        change = target.change
        names, inputs = first_inputs(self._backbone)
        used = self._counts([text for note in members for text in _texts(note)], len(inputs)) > 0
        rng, k = np.random.default_rng(self._effort.seed), int(used.sum())
        if not k or not all(name in change for name in names):
            # A method may leave these factors as they are.
            return None
        changes = [change[name].astype(np.float64) for name in names]
        noise = [rng.normal(size=one.shape) for one in changes]
        public = self._counts(public_text(), len(inputs)).astype(np.float64)
        return {
            "in_use": k,
            "recall": recall_at(standing_out(changes, inputs), used, k),
            "noise": recall_at(standing_out(noise, inputs), used, k),
            "public": recall_at(public, used, k),
            "guess": k / len(inputs),
        }

    def _counts(self, texts: Sequence[str], number: int) -> NDArray[np.int64]:
        ids = [id_ for text in texts for id_ in self._opened.tokenizer.tokenize(text).ids]
        return np.bincount(ids, minlength=number)


def _others(cohort: Cohort) -> list[Note]:
    known = {note.id for note in cohort.train}
    seen = {note.id: note for note in (*cohort.dev, *cohort.final)}
    return [note for id_, note in seen.items() if id_ not in known]


def _texts(note: Note) -> Iterator[str]:
    """Yield all that a model is given of a note, and what it is to answer."""
    yield note.text
    for value in note.fields.values():
        yield from (value,) if isinstance(value, str) else map(str, np.atleast_1d(value))


def _secrets(note: Note) -> Iterator[Note]:
    """Yield the sentences of a note that hold a number, each as a note of its own."""
    for start, end in sentence_spans(note.text):
        text = note.text[start:end]
        if _SECRET.search(text):
            entities = tuple(
                replace(one, start=one.start - start, end=one.end - start)
                for one in note.entities
                if start <= one.start and one.end <= end
            )
            yield replace(note, text=text, entities=entities, relations=())


def _rivals(secret: Note, number: int, rng: np.random.Generator) -> Iterator[Note]:
    """Yield a sentence with random numbers, each of as many digits, in the place of its first."""
    found = _SECRET.search(secret.text)
    if found is None:
        return
    first, last = found.span()
    for _ in range(number):
        digits = "".join(map(str, rng.integers(10, size=last - first)))
        yield replace(secret, text=f"{secret.text[:first]}{digits}{secret.text[last:]}")
