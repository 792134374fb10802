"""Many hospitals as processes on one machine, each with notes of its own, that really train.

Every site trains the bundled base on notes of an invented hospital, through the commands' own ways:
provisioned, placed, started, led. How long it takes says little, for they share the processors; a
site takes about half a gigabyte.

python benchmarks/many_sites.py --sites 20 --out runs/bench/many_sites.json
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contest.federation import KINDS, sizes, started
from contest.figures import keep, machine, table, told_aside
from fedmedlora.clinical.notes import SiteNotes
from fedmedlora.engines.nvflare.coordinator import LedRun, lead
from fedmedlora.engines.nvflare.ends import ROLES
from fedmedlora.engines.nvflare.site import place_notes
from fedmedlora.experiment.config import read_experiment
from fedmedlora.experiment.store import RunStore
from fedmedlora.formats.site_folder import write_site
from fedmedlora.synthetic.hospitals import synthesize

_ARM = "fed_medlora"
_NUM_NOTES = 20
"""Notes to train on of the five hospitals that a site's is one of."""
_EXPERIMENT = """
[experiment]
name = "many"
rounds = {rounds}
arms = ["fed_medlora"]

[model]
base = "bundled"

[training]
num_threads = 1
learning_rate = 0.004

[communication]
codec = "bfloat16"

[evaluation]
round_notes = 1
final_notes = 2
replicates = 10
drawn_notes = 0

[engine]
name = "nvflare"
"""


def main() -> int:
    """Run, print a table, write JSON."""
    options, began_on = _options(), machine()
    with tempfile.TemporaryDirectory() as name:
        found = many(Path(name), num_sites=options.sites, rounds=options.rounds)
    sys.stdout.write(f"{began_on}; {options.sites} sites, {found['whole']:.0f} s in all\n\n")
    for each in found["rounds"]:
        sys.stdout.write(
            f"round {each['round']}: {len(each['shares'])} sites, {len(each['absences'])} absent, "
            f"dev F1 {each['score']}\n"
        )
    head = ["process", "number", "most, MB", "of it not mapped files"]
    peaks = found["peaks"]
    rows = [[kind, str(peaks[kind]["processes"]), *sizes(peaks[kind])] for kind in KINDS]
    sys.stdout.write("\n" + table(head, rows))
    keep(options, found)
    complete = all(len(each["shares"]) == options.sites for each in found["rounds"])
    return 0 if complete and len(found["rounds"]) == options.rounds else 1


def many(folder: Path, *, num_sites: int, rounds: int) -> dict[str, Any]:
    """Return the rounds of a run between so many sites, its seconds, and the peaks of memory."""
    names = [f"hospital{index:02}" for index in range(num_sites)]
    write_notes(folder / "notes", names)
    entries = "".join(f'[[sites]]\nname = "{name}"\npath = "notes/{name}"\n' for name in names)
    file, out = folder / "many.toml", folder / "run"
    file.write_text(_EXPERIMENT.format(rounds=rounds) + entries, encoding="utf-8")
    RunStore.create(out, experiment_path=file, environment={}).close()
    now = datetime.now(UTC)

    def furnish(name: str, kit: Path) -> None:
        place_notes(kit, folder / "notes" / name, now=now)

    with started(folder, names, ROLES, furnish) as (server, peaks):
        began = time.monotonic()
        lead(LedRun(read_experiment(file), out), server)
        whole = time.monotonic() - began
    with RunStore.open(out) as store:
        return {"rounds": store.rounds(_ARM), "whole": whole, "peaks": peaks}


def write_notes(folder: Path, names: Sequence[str]) -> None:
    """Write a folder of notes for each name; no two of them hold the same notes."""
    for index, name in enumerate(names):
        invented = synthesize(seed=index, num_notes=_NUM_NOTES).values()
        training = [site for role, site in invented if role == "train"]
        site = _renamed(training[index % len(training)], name)
        write_site(folder / name, site, role="train", synthetic=True, seed=index)


def _renamed(site: SiteNotes, name: str) -> SiteNotes:
    splits = {
        split: tuple(replace(note, site=name) for note in notes)
        for split, notes in site.splits.items()
    }
    return replace(site, name=name, splits=splits)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sites", type=int, default=20, metavar="N", help="processes on loopback")
    parser.add_argument("--rounds", type=int, default=2, metavar="N", help="of training")
    told_aside(parser)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
