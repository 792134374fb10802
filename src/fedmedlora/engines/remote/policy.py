"""What a hospital lets a federation do on its machine, in a file of its own.

The coordinator's experiment asks; the site's policy decides. What it does not permit is refused at
the site, with the reason, and nothing in an experiment can change that.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

from fedmedlora.errors import Fault, InputError
from fedmedlora.experiment.privacy import Privacy
from fedmedlora.experiment.schema import PERSONAL_ARMS, Experiment, FormulationName, TaskName
from fedmedlora.experiment.toml_reading import read_file_of
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.federation.private_plan import Unit
from fedmedlora.privacy.spending import Budget
from fedmedlora.ranges import above, at_least, below
from fedmedlora.sites import SiteRole

_Count = Annotated[int, at_least(1)]
_NAME = "policy.toml"
_ALONE = ("single_site", *PERSONAL_ARMS)
_TRAINED = ("train", "new_site")
_NEW_ALONE = ("local_only", "adapted")
EXAMPLE = """\
# What this site lets a federation do. Copy it to policy.toml; what is left out holds as it stands
# here. Nothing in a coordinator's experiment can change that file.

# sha256 of the base models that may run here; where none is named, any may.
bases = []
# What may be learnt of the notes. What writes in words of its own ("summarise") may come to write
# words of theirs.
tasks = ["extract"]
# In which form extraction may answer.
formulations = ["markup", "json", "tagging"]
# Of any arm, at most.
rounds = 100
# Of one update, at most; without the line there is no limit.
# update_bytes = 50000000
# Whether an arm may train on this site's notes alone, and its adapter leave: so do single_site,
# personalised, and a new site's local_only and adapted.
single_site = false
# Whether the server must see nothing of this site but the sum over several sites.
blind = false
# Whether each update must be signed here for a ledger; an arm that trains on this site's notes
# alone hands in to nobody and signs nothing, so with single_site unsigned trainings pass as well.
audit = false
# What training on this site's notes must keep: "record" trains in private or not at all.
private = "none"
# With "record": "patient" lets nothing train that hides single notes alone, "note" lets each
# experiment choose.
unit = "note"
# With "record": what all trainings on this site's notes may come to, of all runs together, at
# delta; without the line each experiment decides, and the site's record counts.
# epsilon = 8.0
delta = 1e-5
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a site permits.

    Attributes:
        bases: sha256 of the base models that may run here; where none is named, any may.
        tasks: What may be learnt of the notes. What writes in words of its own may come to write
            words of theirs, so the default is extraction alone.
        formulations: In which form extraction may answer.
        rounds: Of any arm, at most.
        update_bytes: Of one update, at most; None sets no limit.
        single_site: Whether an arm may train on this site's notes alone, and its adapter leave: so
            do `single_site`, `personalised`, and a new site's `local_only` and `adapted`.
        blind: Whether the server must see nothing of this site but the sum over several sites.
        audit: Whether each update must be signed at the site for a ledger.
        private: What training on this site's notes must keep: "record" trains in private, with
            noise that hides each unit, or not at all.
        unit: Of "record": "patient" wants whole patients hidden, "note" leaves it to experiments.
        epsilon: What all private trainings may come to, of all runs; None leaves it to experiments.
        delta: What epsilon is told at, and the most an experiment may take.
    """

    bases: tuple[str, ...] = ()
    tasks: tuple[TaskName, ...] = ("extract",)
    formulations: tuple[FormulationName, ...] = ("markup", "json", "tagging")
    rounds: _Count = 100
    update_bytes: _Count | None = None
    single_site: bool = False
    blind: bool = False
    audit: bool = False
    private: Literal["none", "record"] = "none"
    unit: Unit = "note"
    epsilon: Annotated[float, above(0)] | None = None
    delta: Annotated[float, above(0), below(1)] = 1e-5

    def budget(self) -> Budget | None:
        """Return what all private trainings at the site may come to; None sets no limit."""
        return None if self.epsilon is None else Budget(self.epsilon, self.delta)

    def require(self, experiment: Experiment, role: SiteRole) -> None:
        """Check that all an experiment asks for is permitted.

        Args:
            role: The site's in it.

        Raises:
            InputError: It is not; holds every fault.
        """
        task, formulation = experiment.model.task, experiment.model.formulation
        rounds = max(experiment.rounds, experiment.new_site_rounds, experiment.personal_rounds)
        alone = {"train": _ALONE, "new_site": _NEW_ALONE}.get(role, ())
        faults = []
        if task not in self.tasks:
            faults.append(_refused("tasks", task, ", ".join(self.tasks) or "nothing"))
        if task == "extract" and formulation not in self.formulations:
            faults.append(
                _refused("formulations", formulation, ", ".join(self.formulations) or "none")
            )
        if rounds > self.rounds:
            faults.append(_refused("rounds", f"{rounds}", f"{self.rounds} at most"))
        faults += [
            _refused("single_site", f"the arm {arm}", "arms of several sites")
            for arm in experiment.arms
            if arm in alone and not self.single_site
        ]
        if self.blind and experiment.aggregation.sees != "sum":
            found = f'sees = "{experiment.aggregation.sees}"'
            faults.append(_refused("blind", found, '[aggregation] sees = "sum"'))
        if self.blind and experiment.aggregation.audit_rate:
            found = f"audit_rate = {experiment.aggregation.audit_rate}"
            faults.append(_refused("blind", found, "0, as an audit shows an update"))
        if self.audit and role in _TRAINED and not experiment.audit.is_on:
            faults.append(_refused("audit", '[audit] ledger = "none"', "a ledger"))
        if self.private == "record" and role in _TRAINED:
            faults += self._less_private(experiment.privacy)
        if faults:
            raise InputError(faults)

    def require_in_the_open(self, experiment: Experiment) -> None:
        """Check that an update may leave as it is.

        Raises:
            InputError: The server was to see sums alone, and no arm may train here alone.
        """
        if experiment.aggregation.sees == "sum" and (self.blind or not self.single_site):
            raise InputError([_refused("blind", "an update", "its digest alone")])

    def require_plan(self, plan: LocalPlan, privacy: Privacy, *, run_steps: int) -> None:
        """Check that a training is as private and as provable as this site asks for, and as told.

        Args:
            privacy: What the experiment said when the site joined.
            run_steps: Over how many steps its epsilon is meant; fewer would take less noise.

        Raises:
            InputError: It is not.
        """
        if self.private == "record" and plan.private is None:
            raise InputError([_refused("private", "a training without noise", "one in private")])
        if self.audit and not plan.run and not self.single_site:
            raise InputError([_refused("audit", "a training that nobody signs", "one of a ledger")])
        told = asdict(privacy) | {"run_steps": run_steps} if privacy.mode == "record" else {}
        asked = asdict(plan.private) if plan.private else {}
        if bool(told) != bool(asked) or any(told[k] != asked[k] for k in told.keys() & asked):
            found, expected = "another one in a training", "that of the experiment as it was told"
            raise InputError([Fault("[privacy]", found, expected, "nothing was trained")])

    def _less_private(self, privacy: Privacy) -> list[Fault]:
        if privacy.mode != "record":
            expected = 'privacy.mode = "record"'
            return [_refused("private", f'privacy.mode = "{privacy.mode}"', expected)]
        faults = []
        if self.unit == "patient" and privacy.unit != "patient":
            expected = 'privacy.unit = "patient"'
            faults.append(_refused("unit", f'privacy.unit = "{privacy.unit}"', expected))
        if self.epsilon is not None and (privacy.epsilon or 0.0) > self.epsilon:
            faults.append(_refused("epsilon", f"{privacy.epsilon:g}", f"{self.epsilon:g} at most"))
        if privacy.delta > self.delta:
            faults.append(_refused("delta", f"{privacy.delta:g}", f"{self.delta:g} at most"))
        return faults

    def require_base(self, sha256: str) -> None:
        """Check that a base model is permitted.

        Raises:
            InputError: It is not.
        """
        if self.bases and sha256 not in self.bases:
            raise InputError([_refused("bases", f"sha256 {sha256}", "one that is named there")])

    def require_update(self, num_bytes: int) -> None:
        """Check that an update is no larger than permitted.

        Raises:
            InputError: It is.
        """
        if self.update_bytes is not None and num_bytes > self.update_bytes:
            most = f"{self.update_bytes} at most"
            raise InputError([_refused("update_bytes", f"{num_bytes} bytes", most)])


def read_policy(folder: Path) -> Policy:
    """Return the policy in a folder's `policy.toml`; a folder without one permits the defaults.

    Raises:
        InputError: Everything that is wrong with the file.
    """
    policy = read_file_of(Policy, folder / _NAME)
    if policy.unit == "patient" and policy.private != "record":
        found, expected = (
            f'"patient", and private = "{policy.private}"',
            'private = "record" beside it',
        )
        advice = "without it nothing has to be hidden"
        raise InputError([Fault(f"{folder / _NAME}: unit", found, expected, advice)])
    return policy


def _refused(key: str, found: str, expected: str) -> Fault:
    advice = "whoever is responsible at the site can change this file, and nobody else"
    return Fault(f"{_NAME} of the site: {key}", f"{found} asked for", expected, advice)
