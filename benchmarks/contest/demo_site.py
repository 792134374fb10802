"""A site of the demo as the rivals' clients have it: it trains, and scores nothing.

python -m contest.demo_site FOLDER

writes the invented hospitals, the demo's experiment and the adapters that all start from.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

from contest.demo_clients import CLIENTS, Client
from contest.demo_folder import note, site_names, write_folder, write_starts
from fedmedlora.adapters.weights import AdapterWeights


def main() -> None:
    """Prepare a folder."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    write_folder(folder)
    (name, *_) = site_names(folder)
    write_starts(folder, {kind: CLIENTS[kind](folder, name).initial() for kind in CLIENTS})


@dataclass(frozen=True, slots=True)
class Site:
    """A site with its base model loaded.

    Attributes:
        folder: As it was prepared.
        opening: Seconds that loading took.
    """

    name: str
    folder: Path
    client: Client
    opening: float

    def train(
        self, start: AdapterWeights, round_index: int, num_rounds: int
    ) -> tuple[AdapterWeights, int]:
        """Return the adapter after a round of training, and the label tokens of the notes."""
        began = time.perf_counter()
        adapter, num_tokens, loss = self.client.train(start, round_index, num_rounds)
        took = {"opening": self.opening, "training": time.perf_counter() - began}
        note(self.folder, self.name, round=round_index, loss=loss, num_tokens=num_tokens, **took)
        return adapter, num_tokens


def open_site(folder: Path, name: str, kind: str) -> Site:
    """Return a site with its base model loaded."""
    began = time.perf_counter()
    client = CLIENTS[kind](folder, name)
    return Site(name, folder, client, time.perf_counter() - began)


if __name__ == "__main__":
    main()
