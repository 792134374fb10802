"""What a site does at present, told by the process of a job to the command that started it."""

import logging
from dataclasses import dataclass
from pathlib import Path

_FILE = "activity.txt"
_LOGGERS = "fedmedlora"


def tell_activity(kit: Path) -> None:
    """Have this process write what our loggers say, from now on, where `Activity` reads it."""
    handler = logging.FileHandler(kit / _FILE, encoding="utf-8")
    handler.setLevel(logging.INFO)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logging.getLogger(_LOGGERS).addHandler(handler)


@dataclass(slots=True)
class Activity:
    """Reads what the processes of a site's jobs tell, as it comes."""

    kit: Path
    _read: int = 0

    def __post_init__(self) -> None:
        """Begin with nothing told."""
        (self.kit / _FILE).write_text("", encoding="utf-8")

    def new_lines(self) -> list[str]:
        """Return the whole lines that came since the last time."""
        with (self.kit / _FILE).open("rb") as file:
            file.seek(self._read)
            told = file.read()
        whole = told[: told.rfind(b"\n") + 1]
        self._read += len(whole)
        return whole.decode(errors="replace").splitlines()
