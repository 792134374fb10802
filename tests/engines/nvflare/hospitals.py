"""Three tiny hospitals as real processes, that answer wrongly where a test says so."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.engines.nvflare.loopback import Loopback, loopback
from tests.engines.nvflare.misbehaving import ROLES, tell
from tests.engines.remote.federations import SITES, experiment_text, write_sites

from fedmedlora.engines.nvflare import coordinator
from fedmedlora.engines.nvflare.coordinator import LedRun, running_server
from fedmedlora.engines.nvflare.session import Server
from fedmedlora.engines.nvflare.site import place_notes
from fedmedlora.experiment.config import read_experiment
from fedmedlora.experiment.store import RunStore
from fedmedlora.training.base_models import BaseModel

ARM = "fed_medlora"
BEGINNING = "seed = 3\nquorum = 2\npatience = 100"
ENGINE = 'name = "nvflare"\nanswer_s = 60.0\nreturn_s = 5.0'


@dataclass(frozen=True, slots=True)
class Hospitals:
    """Kits in `kits`, notes beside them by the name of their site."""

    folder: Path
    federation: Loopback

    def kit(self, name: str) -> Path:
        return self.folder / "kits" / name

    def move_server(self, port: int) -> None:
        """Have the server listen elsewhere than where the sites call."""
        for file in ("startup/fed_server.json", "admin/startup/fed_admin.json", "local/kit.json"):
            path = self.kit("coordinator") / file
            path.write_text(path.read_text().replace(str(self.federation.port), str(port)))

    def begun(self, name: str, text: str) -> LedRun:
        """Return a new run, in which nothing goes wrong yet."""
        for site in SITES:
            tell(self.kit(site))
        file = self.folder / f"{name}.toml"
        file.write_text(text, encoding="utf-8")
        RunStore.create(self.folder / name, experiment_path=file, environment={}).close()
        return LedRun(read_experiment(file), self.folder / name)


def text_of(base: BaseModel, *, rounds: int) -> str:
    text = experiment_text(base, ARM, codec="int8", rounds=rounds)
    return text.replace('name = "nvflare"', ENGINE).replace(
        "seed = 3", "seed = 3\nquorum = 2\npatience = 100"
    )


def rounds_of(run: Path) -> list[dict[str, Any]]:
    with RunStore.open(run) as store:
        return [{**one, "seconds": 0} for one in store.rounds(ARM)]


def reasons_of(documents: list[dict[str, Any]]) -> list[Mapping[str, str]]:
    """Return by round who was absent, and why."""
    return [{a["site"]: a["reason"] for a in one["absences"]} for one in documents]


@contextmanager
def hospitals(folder: Path) -> Iterator[Hospitals]:
    """Give hospitals whose server does not run yet."""
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        loopback(folder / "kits", monkeypatch) as federation,
    ):
        monkeypatch.setattr(coordinator, "ROLES", ROLES)
        federation.provision(*SITES, roles=ROLES)
        write_sites(folder)
        for site in SITES:
            place_notes(federation.folder / site, folder / site, now=datetime.now(UTC))
        yield Hospitals(folder, federation)


@contextmanager
def led(at: Hospitals) -> Iterator[Server]:
    """Give the session of a server that the hospitals' sites call."""
    with running_server(at.kit("coordinator"), now=datetime.now(UTC)) as server:
        at.federation.start(*(site for site in SITES if not at.federation.runs(site)))
        yield server
