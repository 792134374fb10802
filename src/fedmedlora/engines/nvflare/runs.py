"""What a job of NVFLARE leaves in the coordinator's kit: who takes part, how it ended, and why.

NVFLARE itself knows only that a job ended badly. A run is a chain of jobs: a site that comes back
or joins late is taken into the next one, which whoever coordinates opens between two rounds.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from fedmedlora.durable_files import write_whole


@dataclass(frozen=True, slots=True)
class Run:
    """The folder of one job in the coordinator's kit."""

    kit: Path
    job: str

    @property
    def spool(self) -> Path:
        """Return where files of answers lie until they are taken."""
        return self._folder / "spool"

    def note_sites(self, sites: frozenset[str]) -> None:
        """Note the sites that take part at present."""
        self.spool.mkdir(parents=True, exist_ok=True)
        content = json.dumps(sorted(sites)).encode()
        write_whole(self._folder / "sites.json", content, flushed=False)

    def end(self, reason: str | None, *, mendable: bool = True) -> None:
        """Note how the job ended; without a reason it ended well.

        Args:
            mendable: Whether another job could do better, with other sites in it.
        """
        # First, for it may be the disk that is full.
        shutil.rmtree(self.spool, ignore_errors=True)
        told = {"reason": reason, "mendable": mendable}
        write_whole(self._folder / "end.json", json.dumps(told).encode())

    def sites(self) -> frozenset[str] | None:
        """Return the sites that took part when last noted; None before the job began."""
        try:
            return frozenset(json.loads((self._folder / "sites.json").read_bytes()))
        except FileNotFoundError:
            return None

    def reason(self) -> tuple[str | None, bool]:
        """Return why the job ended, None where it ended well, and whether another could do better.

        Raises:
            FileNotFoundError: It did not say.
        """
        told = json.loads((self._folder / "end.json").read_bytes())
        return told["reason"], told["mendable"]

    def abandoned(self) -> str | None:
        """Return why the job can no longer run; None where it can, or has ended by itself."""
        try:
            return (self._folder / "abandoned").read_text("utf-8")
        except FileNotFoundError:
            return None

    def ask_to_end(self) -> None:
        """Have the job end at the next boundary between rounds."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "ending").touch()

    def is_to_end(self) -> bool:
        """Return whether the job is to end at the next boundary."""
        return (self._folder / "ending").exists()

    def abandon(self, reason: str) -> None:
        """Note that the job can no longer run, unless it has ended by itself."""
        if not (self._folder / "end.json").exists():
            write_whole(self._folder / "abandoned", reason.encode())
        shutil.rmtree(self.spool, ignore_errors=True)

    @property
    def _folder(self) -> Path:
        return self.kit / "runs" / self.job


def runs_of(kit: Path) -> list[Run]:
    """Return the jobs that a coordinator's kit knows of."""
    folder = kit / "runs"
    return [Run(kit, each.name) for each in folder.iterdir()] if folder.is_dir() else []
