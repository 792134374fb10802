"""What a site answers in a round in which the server sees the sum alone, and what it does not."""

import math
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fedmedlora.adapters.kinds import plain
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.adapters.wire import encode_update
from fedmedlora.durable_files import write_for_owner
from fedmedlora.engines.blind import BlindHere
from fedmedlora.engines.remote.messages import Message
from fedmedlora.errors import EngineError, Fault, InputError
from fedmedlora.evaluation.cohorts import Cohort
from fedmedlora.experiment.cohorts import cohort
from fedmedlora.experiment.schema import Experiment
from fedmedlora.federation.blind import Stayed
from fedmedlora.formats.site_files import site_digest
from fedmedlora.formats.site_folder import read_site
from fedmedlora.privacy.ckks import Key, new_key

_KEY = "blind.key"
_VALIDATION = "validation"
_SEVERAL = 2


@dataclass(frozen=True, slots=True)
class Sealing:
    """A site's side of blind rounds.

    Attributes:
        name: The site's.
        here: Its shelf and key.
        members: Whose updates may be in a sum.
        most_shown: How many of its updates it shows at most, since it was started.
        summed: Digests of what it found in sums; nothing else of the shelf is told.
        shown: Digests of its updates that it has shown.
    """

    name: str
    here: BlindHere
    members: Collection[str]
    most_shown: int
    summed: set[str] = field(default_factory=set)
    shown: set[str] = field(default_factory=set)

    def answer(self, bundle: AdapterWeights | None, question: Message, folder: Path) -> Message:
        """Return the answer to a question.

        Args:
            bundle: What the question is about, where it is about one.

        Raises:
            EngineError: The site does not let it be given.
            ModelError: What is asked for is not here, or not what it must be.
        """
        if question.subject == "tell":
            return self._tell(question, folder)
        if question.subject == "show":
            return self._show(question, folder)
        about = {"own_loss": self._own_loss, "seal": self._seal, "unseal": self._unseal}
        return about[question.subject](bundle or {}, question, folder)

    def _own_loss(self, bundle: AdapterWeights, question: Message, folder: Path) -> Message:
        del folder
        value = self.here.losses([self._stayed(question)], bundle)[self.name]
        return _answer(question, loss=value if math.isfinite(value) else None)

    def _seal(self, bundle: AdapterWeights, question: Message, folder: Path) -> Message:
        members = [str(one) for one in question.body["members"]]
        known = set(members) <= set(self.members)
        if not known or self.name not in members or len(set(members)) < _SEVERAL:
            raise EngineError(
                f"site {self.name}: found a sum of {', '.join(members)} asked for, expected one of "
                f"several of {', '.join(self.members)}, this site among them"
            )
        path = folder / "sealed"
        self.here.seal(self._stayed(question), bundle, path, members=members)
        return replace(_answer(question), files={"sealed": path})

    def _unseal(self, bundle: AdapterWeights, question: Message, folder: Path) -> Message:
        del folder
        ((_, sha256),) = self.here.opened(question.files["sum"], [self._stayed(question)], bundle)
        if sha256 is None:
            raise EngineError(
                f"site {self.name}: found a sum that it does not open, as its log says, expected "
                "one of several sites under the key that all have"
            )
        self.summed.add(sha256)
        return _answer(question, sha256=sha256)

    def _tell(self, question: Message, folder: Path) -> Message:
        sha256 = str(question.body["sha256"])
        # On the same shelf lie updates.
        if sha256 not in self.summed:
            raise EngineError(
                f"site {self.name}: found sha256 {sha256} asked for, expected that of a sum that "
                "was opened here"
            )
        return _with_tensors(self.here.shelf.get(sha256), question, folder)

    def _show(self, question: Message, folder: Path) -> Message:
        sha256 = str(question.body["stays"])
        if len(self.shown | {sha256}) > self.most_shown:
            raise EngineError(
                f"site {self.name}: found an update asked for, expected {self.most_shown} at most, "
                "as follows from aggregation.audit_rate"
            )
        self.shown.add(sha256)
        found = self.here.shelf.get(sha256)
        # On the same shelf lies what a method keeps at a site for ever.
        if len(plain(found)) < len(found):
            raise EngineError(
                f"site {self.name}: found what it keeps for itself asked for, expected an update"
            )
        return _with_tensors(found, question, folder)

    def _stayed(self, question: Message) -> Stayed:
        return Stayed(self.name, str(question.body["stays"]), question.body["rank"])


SUBJECTS = ("own_loss", "seal", "unseal", "tell", "show")
"""What can be asked in blind rounds alone."""


def sealing(name: str, here: BlindHere, experiment: Experiment) -> Sealing:
    """Return a site's side of the blind rounds of an experiment."""
    members = [one.name or "" for one in experiment.sites if one.role in ("train", "new_site")]
    settings = experiment.aggregation
    rounds = max(experiment.rounds, experiment.new_site_rounds) * len(experiment.arms)
    blind = settings.sees == "sum"
    most_shown = math.ceil(settings.audit_rate * rounds) if blind else 0
    return Sealing(name, here, members if blind else (), most_shown)


def make_key(path: Path) -> Key:
    """Write a key into a file that is there for its owner alone; return it.

    Raises:
        InputError: There is a file already, or the extra `blind` is not installed.
    """
    if path.exists():
        advice = "it may be the key of a run; remove it yourself"
        raise InputError([Fault(str(path), "a file", "none yet", advice)])
    key = new_key()
    write_for_owner(path, key.content)
    return key


def read_key(folder: Path) -> Key | None:
    """Return the key in a folder's `blind.key`, None where there is none."""
    path = folder / _KEY
    return Key(path.read_bytes()) if path.is_file() else None


def validation_cohort(folder: Path, experiment: Experiment) -> Cohort:
    """Return the server's notes as a site has them, in the folder `validation` beside its policy.

    Raises:
        InputError: They are missing, or not those that the experiment pins.
    """
    (entry,) = experiment.sites_of("server")
    path = folder / _VALIDATION
    site = read_site(path, required=("dev",))
    if (found := site_digest(site)) != entry.sha256:
        expected = f"{entry.sha256}, as the coordinator's experiment pins it"
        raise InputError([Fault(f"{path}: sha256", found, expected, "copy the server's folder")])
    use = experiment.aggregation, experiment.evaluation.final_split
    return cohort(replace(entry, path=path), site, *use)


def _with_tensors(tensors: AdapterWeights, question: Message, folder: Path) -> Message:
    path = folder / "tensors.safetensors"
    path.write_bytes(encode_update(tensors, "float32"))
    return replace(_answer(question), files={"tensors": path})


def _answer(question: Message, **body: Any) -> Message:  # noqa: ANN401 -- plain values
    return Message(question.subject, body)
