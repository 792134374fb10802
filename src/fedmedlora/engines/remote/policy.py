"""What a hospital lets a federation do on its machine, in a file of its own.

The coordinator's experiment asks; the site's policy decides. What it does not permit is refused at
the site, with the reason, and nothing in an experiment can change that.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fedmedlora.errors import Fault, InputError
from fedmedlora.experiment.schema import PERSONAL_ARMS, Experiment, FormulationName
from fedmedlora.experiment.toml_reading import read_file_of
from fedmedlora.ranges import at_least
from fedmedlora.sites import SiteRole

_Count = Annotated[int, at_least(1)]
_NAME = "policy.toml"
_ALONE = ("single_site", *PERSONAL_ARMS)
_NEW_ALONE = ("local_only", "adapted")
EXAMPLE = """\
# What this site lets a federation do. Copy it to policy.toml; what is left out holds as it stands
# here. Nothing in a coordinator's experiment can change that file.

# sha256 of the base models that may run here; where none is named, any may.
bases = []
# In which form a model may answer.
formulations = ["markup", "json", "tagging"]
# Of any arm, at most.
rounds = 100
# Of one update, at most; without the line there is no limit.
# update_bytes = 50000000
# Whether an arm may train on this site's notes alone, and its adapter leave: so do single_site,
# personalised, and a new site's local_only and adapted.
single_site = false
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a site permits.

    Attributes:
        bases: sha256 of the base models that may run here; where none is named, any may.
        formulations: In which form a model may answer.
        rounds: Of any arm, at most.
        update_bytes: Of one update, at most; None sets no limit.
        single_site: Whether an arm may train on this site's notes alone, and its adapter leave: so
            do `single_site`, `personalised`, and a new site's `local_only` and `adapted`.
    """

    bases: tuple[str, ...] = ()
    formulations: tuple[FormulationName, ...] = ("markup", "json", "tagging")
    rounds: _Count = 100
    update_bytes: _Count | None = None
    single_site: bool = False

    def require(self, experiment: Experiment, role: SiteRole) -> None:
        """Check that all an experiment asks for is permitted.

        Args:
            role: The site's in it.

        Raises:
            InputError: It is not; holds every fault.
        """
        formulation = experiment.model.formulation
        rounds = max(experiment.rounds, experiment.new_site_rounds, experiment.personal_rounds)
        alone = {"train": _ALONE, "new_site": _NEW_ALONE}.get(role, ())
        faults = []
        if formulation not in self.formulations:
            faults.append(_refused("formulations", formulation, ", ".join(self.formulations)))
        if rounds > self.rounds:
            faults.append(_refused("rounds", f"{rounds}", f"{self.rounds} at most"))
        faults += [
            _refused("single_site", f"the arm {arm}", "arms of several sites")
            for arm in experiment.arms
            if arm in alone and not self.single_site
        ]
        if faults:
            raise InputError(faults)

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
    return read_file_of(Policy, folder / _NAME)


def _refused(key: str, found: str, expected: str) -> Fault:
    advice = "whoever is responsible at the site can change this file, and nobody else"
    return Fault(f"{_NAME} of the site: {key}", f"{found} asked for", expected, advice)
