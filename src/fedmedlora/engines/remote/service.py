"""One site: its notes, a base model loaded once, a shelf of its own; it answers what it is asked.

Answers hold adapters' changes, numbers and sums over notes. A note's text is in one of them alone:
`predictions`, and that of a site whose notes are public.
"""

import logging
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fedmedlora.adapters.shelves import FolderShelf
from fedmedlora.engines.blind import BlindHere
from fedmedlora.engines.opening import open_local
from fedmedlora.engines.remote.audited import Signing
from fedmedlora.engines.remote.holding import Held, keep_newest
from fedmedlora.engines.remote.machine import AS_TOLD, Machine
from fedmedlora.engines.remote.messages import Message
from fedmedlora.engines.remote.plain_values import (
    Plain,
    facts_to_json,
    plan_from_json,
    scope_from_json,
)
from fedmedlora.engines.remote.policy import Policy
from fedmedlora.engines.remote.sealing import (
    SUBJECTS,
    Sealing,
    read_key,
    sealing,
    validation_cohort,
)
from fedmedlora.errors import EngineError, Fault, FedMedLoRAError, InputError, TrainingError
from fedmedlora.evaluation.cohorts import Cohort
from fedmedlora.experiment.cohorts import cohort, part_faults
from fedmedlora.experiment.config import parse_experiment
from fedmedlora.experiment.private_arms import run_steps
from fedmedlora.experiment.schema import Experiment
from fedmedlora.federation.engine import SERVER, Engine, Participant
from fedmedlora.formats.site_folder import read_own_site
from fedmedlora.privacy.packages import require_packages
from fedmedlora.privacy.spending import Spending
from fedmedlora.tasks.counts import to_json
from fedmedlora.tasks.tally import tally_to_json
from fedmedlora.training.base_models import require_beside_weights

logger = logging.getLogger(__name__)

_KEPT = "kept"
_ROOM = 16
"""How much larger than any tensor of ours one that comes in may be."""


@dataclass(frozen=True, slots=True)
class Joined:
    """The experiment that a site takes part in, and its part."""

    experiment: Experiment
    cohort: Cohort


@dataclass(frozen=True, slots=True)
class Opened:
    """A site whose base model is loaded."""

    engine: Engine
    held: Held
    sealing: Sealing


class SiteService:
    """What answers at a site; one question at a time."""

    def __init__(
        self,
        name: str,
        *,
        data: Path,
        store: Path,
        policy: Policy,
        machine: Machine = AS_TOLD,
        signing: Signing | None = None,
        local: Path | None = None,
    ) -> None:
        """Make a service that nobody has asked yet.

        Args:
            name: The site's.
            data: The folder of its notes.
            store: Where it keeps what does not travel, and what came in.
            policy: What the site lets happen.
            machine: What it does otherwise than it is told.
            signing: Signs what it hands in; None signs nothing.
            local: Where the key of blind rounds is, and a copy of the server's notes; None for a
                site that has neither.
        """
        self._name, self._data, self._store = name, data, store
        self._policy, self._machine, self._local = policy, machine, local or store
        self._joined: Joined | None = None
        self._opened: Opened | None = None
        self._signing = signing
        self._refusal: FedMedLoRAError | None = None
        self._verbs: dict[str, Callable[[Message, Path], Message]] = {
            "join": self._join,
            "open": self._open,
            "hold": self._hold,
            "train": self._train,
            "evaluate": self._evaluate,
            "loss": self._loss,
            **dict.fromkeys(SUBJECTS, self._blind),
            "witness": self._witness,
            "predictions": self._predictions,
        }

    def answer(self, question: Message, folder: Path) -> Message:
        """Return the answer to a question.

        Raises:
            FedMedLoRAError: There is none, or the site's policy does not let it be given.
        """
        if question.subject not in self._verbs:
            expected = ", ".join(self._verbs)
            raise EngineError(
                f"site {self._name}: found the question {question.subject!r}, expected one of "
                f"{expected}; use the same version of this program at the coordinator and here"
            )
        try:
            return self._verbs[question.subject](question, folder)
        except FedMedLoRAError as error:
            # What keeps a site out is why it answers nothing later.
            self._refusal = error
            raise

    def _join(self, question: Message, folder: Path) -> Message:
        del folder
        told = "the coordinator's experiment"
        experiment = parse_experiment(question.body["experiment"], name=told, folder=self._data)
        entry = next((one for one in experiment.sites if one.name == self._name), None)
        if entry is None:
            raise InputError([Fault(told, f"no [[sites]] of name {self._name!r}", "one")])
        self._policy.require(experiment, entry.role)
        self._machine.require_private(experiment)
        require_packages(experiment.privacy.mode)
        site = read_own_site(self._data, self._name)
        entry = replace(entry, path=self._data)
        if faults := part_faults(experiment, entry, site):
            raise InputError(faults)
        use = experiment.aggregation, experiment.evaluation.final_split
        logger.info("takes part in %s", experiment.name)
        self._joined = Joined(experiment, cohort(entry, site, *use))
        return _answer(question, facts_to_json(self._joined.cohort))

    def _open(self, question: Message, folder: Path) -> Message:
        del folder
        joined = self._now(self._joined)
        experiment, base = joined.experiment, question.body["base"]
        self._policy.require_base(base)
        cohorts, shelf = {self._name: joined.cohort}, FolderShelf(self._store / _KEPT)
        if experiment.aggregation.validation == "own" and joined.cohort.role != "external":
            cohorts[SERVER] = validation_cohort(self._local, experiment)
        engine = open_local(
            self._machine.model(experiment),
            self._machine.training(experiment),
            cohorts,
            tuple(question.body["types"]),
            seed=experiment.seed,
            digest=base,
            shelf=shelf,
            spending=Spending(self._store, self._policy.budget()),
        )
        require_beside_weights(experiment.model.base, question.body["beside"])
        initial = engine.initial()
        largest = max(tensor.size for tensor in initial.values())
        held = Held(self._store / "held", most_values=_ROOM * largest)
        here = BlindHere(
            shelf, read_key(self._local), lambda adapter: engine.losses([(adapter, SERVER)])[0]
        )
        self._opened = Opened(engine, held, sealing(self._name, here, experiment))
        logger.info("the base model is loaded")
        limit, tokens = experiment.evaluation.final_notes, engine.label_tokens(self._name)
        return _answer(
            question,
            {
                "dtype": engine.dtype,
                "own": self._machine.own(),
                "initial": held.put(initial),
                "token_counts": engine.token_counts(self._name).tolist(),
                "ceiling": to_json(engine.ceiling(self._name, "final", limit=limit)),
                "label_tokens": tokens,
                "enrolment": self._enrolled(question.body["ledger"], joined, tokens),
            },
        )

    def _enrolled(self, ledger: Plain | None, joined: Joined, tokens: int) -> Plain | None:
        if ledger is None:
            return None
        of = joined.cohort, joined.experiment
        return self._able_to_sign().enrolled(ledger, *of, label_tokens=tokens)

    def _witness(self, question: Message, folder: Path) -> Message:
        del folder
        return _answer(question, {"head": self._able_to_sign().witness(question.body["heads"])})

    def _able_to_sign(self) -> Signing:
        if self._signing is None:
            where = f"site {self._name}: the coordinator's experiment"
            found = "[audit], and no identity of this site"
            advice = "make one with `identity create`"
            raise InputError([Fault(where, found, "local/identity.json in its kit", advice)])
        return self._signing

    def _hold(self, question: Message, folder: Path) -> Message:
        del folder
        held = self._now(self._opened).held
        body = question.body
        return _answer(question, {"held": held.take(body["bundle"], body, question.files)})

    def _train(self, question: Message, folder: Path) -> Message:
        opened, body = self._now(self._opened), question.body
        plan = plan_from_json(body["plan"])
        joined = self._now(self._joined)
        steps = run_steps(joined.experiment, is_new=joined.cohort.role == "new_site")
        self._policy.require_plan(plan, joined.experiment.privacy, run_steps=steps)
        one = Participant(self._name, (self._name,), plan.rank, plan.scaling)
        bundle = opened.held.get(body["bundle"])
        logger.info("trains in round %d of %d", plan.round_index, plan.num_rounds)
        (outcome,) = opened.engine.train([one], bundle, {self._name: plan})
        sent = outcome.sent
        if sent is None:
            raise TrainingError(outcome.reason)
        if plan.run:
            sent = self._able_to_sign().attested(sent, plan)
        self._policy.require_update(len(sent.payload))
        if sent.stays is None and sent.delta:
            self._policy.require_in_the_open(joined.experiment)
        # May be asked for again: of each arm any round's, and the last's.
        number = (joined.experiment.rounds + 1) * len(joined.experiment.arms)
        keep_newest(self._store / _KEPT, number=number)
        update = folder / "update.safetensors"
        update.write_bytes(sent.payload)
        logger.info("hands in %d bytes after %.0f s", len(sent.payload), outcome.seconds)
        told = {
            "memory": sent.memory,
            "stays": sent.stays,
            "num_tokens": sent.num_tokens,
            "loss": sent.loss if math.isfinite(sent.loss) else None,
            "base": sent.base,
            "start": sent.start,
            "round_index": sent.round_index,
            "seconds": outcome.seconds,
            "attestation": sent.attestation and asdict(sent.attestation),
            "privacy": sent.privacy,
        }
        files = {"update": update} if sent.stays is None else {}
        return replace(_answer(question, told), files=files)

    def _blind(self, question: Message, folder: Path) -> Message:
        opened = self._now(self._opened)
        about = question.body.get("bundle")
        bundle = None if about is None else opened.held.get(about)
        answer: Message = opened.sealing.answer(bundle, question, folder)
        return answer

    def _evaluate(self, question: Message, folder: Path) -> Message:
        del folder
        opened, body = self._now(self._opened), question.body
        memories = {self._name: body["memory"]} if body["memory"] else {}
        bundle, scope = opened.held.get(body["bundle"]), scope_from_json(body["scope"])
        logger.info("scores its %s notes", scope.split)
        ((_, tally),) = opened.engine.evaluate(bundle, [self._name], scope, memories=memories)
        return _answer(question, {"tally": tally_to_json(tally)})

    def _loss(self, question: Message, folder: Path) -> Message:
        del folder
        opened = self._now(self._opened)
        adapter = opened.held.get(question.body["bundle"])
        (loss,) = opened.engine.losses([(adapter, self._name)])
        return _answer(question, {"loss": loss if math.isfinite(loss) else None})

    def _predictions(self, question: Message, folder: Path) -> Message:
        del folder
        opened, body = self._now(self._opened), question.body
        bundle, limit = opened.held.get(body["bundle"]), body["limit"]
        drawn = opened.engine.predictions(bundle, self._name, body["split"], limit=limit)
        return _answer(question, {"drawn": drawn})

    def _now(self, state: Any) -> Any:  # noqa: ANN401 -- whichever of the two it is
        if state is None:
            raise self._refusal or EngineError(
                f"site {self._name}: found a question before join and open, expected those first"
            )
        return state


def _answer(question: Message, body: Any) -> Message:  # noqa: ANN401 -- plain values
    return Message(question.subject, body)
