"""Whoever leads the jobs, with a server that is made up: whom it waits for, whom it lets in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
from tests.engines.remote.federations import experiment_text, write_sites

from fedmedlora.engines.nvflare import coordinator
from fedmedlora.engines.nvflare.coordinator import LedRun, lead
from fedmedlora.engines.nvflare.kits import Roles
from fedmedlora.engines.nvflare.runs import Run
from fedmedlora.engines.nvflare.session import Standing
from fedmedlora.errors import EngineError
from fedmedlora.experiment.config import read_experiment
from fedmedlora.experiment.store import RunStore
from fedmedlora.training.base_models import BaseModel


@dataclass
class MadeUp:
    """A server whose sites come and go as a test says, look by look.

    Attributes:
        looks: Sites that are connected.
        inside: Sites that take part in the job.
        num_looks: So often the job is looked at before it fails.
    """

    kit: Path
    looks: Iterator[set[str]]
    inside: set[str] = field(default_factory=set)
    num_looks: int = 5
    submitted: list[Sequence[str]] = field(default_factory=list)
    now: float = 0.0

    def connected(self) -> Mapping[str, float]:
        return dict.fromkeys(next(self.looks), 10.0**12)

    def left_out(self, job: str) -> frozenset[str]:
        del job
        return frozenset(self.connected()) - self.inside

    def submit(self, roles: Roles, settings: Mapping[str, Any], *, sites: Sequence[str]) -> str:
        del roles, settings
        self.submitted.append(sites)
        return "job"

    def standing(self, job: str) -> Standing:
        del job
        self.num_looks -= 1
        if self.num_looks:
            return Standing("running")
        return Standing("failed", "coordinator: found enough, expected no more", mendable=False)

    def ended(self, job: str) -> None: ...
    def readmit(self, site: str) -> None: ...
    def exclude(self, site: str) -> None: ...


@pytest.fixture
def led(tmp_path: Path, bert: BaseModel, monkeypatch: pytest.MonkeyPatch) -> LedRun:
    monkeypatch.setattr(coordinator, "_LOOK_S", 0.001)
    write_sites(tmp_path)
    text = experiment_text(bert, "fed_medlora").replace("seed = 3", "seed = 3\nquorum = 2")
    text = text.replace('name = "nvflare"', 'name = "nvflare"\nlate_joiners = true\nreturn_s = 0')
    file = tmp_path / "experiment.toml"
    # One of the three is only scored.
    file.write_text(
        text.replace('name = "lungs"\nrole = "train"', 'name = "lungs"\nrole = "external"'),
        encoding="utf-8",
    )
    RunStore.create(tmp_path / "run", experiment_path=file, environment={}).close()
    return LedRun(read_experiment(file), tmp_path / "run")


def leads(led: LedRun, server: Any) -> None:  # noqa: ANN401 -- in the place of one
    with pytest.raises(EngineError, match="found enough"):
        lead(led, server)


def test_a_quorum_is_one_of_sites_that_train(led: LedRun, tmp_path: Path) -> None:
    looks = iter([{"heart", "lungs"}] * 3 + [{"heart", "bones", "lungs"}] * 100)
    server = MadeUp(tmp_path, looks, inside={"heart", "bones", "lungs"})

    leads(led, server)

    assert server.submitted == [["bones", "heart", "lungs"]]


def test_a_site_whose_part_of_the_job_never_began_does_not_end_it(
    led: LedRun, tmp_path: Path
) -> None:
    server = MadeUp(tmp_path, repeat({"heart", "bones"}), inside={"heart"})

    leads(led, server)

    assert not Run(tmp_path, "job").is_to_end()


@pytest.mark.parametrize("comes", [{"heart", "bones", "lungs"}, {"heart"}])
def test_a_site_that_comes_or_comes_back_ends_the_job(
    led: LedRun, tmp_path: Path, comes: set[str]
) -> None:
    both = {"heart", "bones"}
    looks = iter([both] * 2 + [comes] * 2 + [both | comes] * 100)
    server = MadeUp(tmp_path, looks, inside={"heart"})

    leads(led, server)

    assert Run(tmp_path, "job").is_to_end()
