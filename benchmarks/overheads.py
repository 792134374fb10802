"""What Fed-MedLoRA costs beside training: its start, its rounds, its memory for more sites.

    help      seconds of `fedmedlora --help`
    round     a round of five sites with everything but the model: an engine in this process whose
              model trains at once and makes no mistake; adapters of the bundled base, rank 16,
              spooled, checked, weighed, averaged and stored on disk; without and with the work
              that scoring a dev note a site is beside the model's
    memory    the most memory of a run over five sites, over that of a run over one

python benchmarks/overheads.py --out runs/bench/overheads.json
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from contest.figures import keep, machine, spread, table, told_aside
from contest.sentences import TYPES
from contest.turns import seconds_of
from fedmedlora.adapters.shelves import MemoryShelf
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.engines.local import LocalEngine
from fedmedlora.engines.models import open_model
from fedmedlora.evaluation.cohorts import Cohort
from fedmedlora.experiment.cohorts import load_cohorts
from fedmedlora.experiment.config import read_experiment
from fedmedlora.experiment.environment import environment
from fedmedlora.experiment.run import run
from fedmedlora.experiment.schema import Model, Training
from fedmedlora.experiment.store import RunStore
from fedmedlora.federation.backbone import STRAIGHT, LocalPlan, Steering, Trained
from fedmedlora.federation.engine import NOTHING_KEPT, Scope
from fedmedlora.tasks.answers import WrittenExample
from fedmedlora.tasks.tally import Tally
from fedmedlora.tasks.task import Output

SITES = ("cardiology", "oncology", "psychiatry", "paediatrics", "orthopaedics")
LIMITS = {"help, seconds": 0.3, "round, seconds": 0.05, "memory, five sites over one": 1.2}
MEASURED = (*LIMITS, "round with scoring, seconds")
_EXPERIMENT = """
[experiment]
name = "overheads"
rounds = {rounds}
patience = {rounds}
arms = ["fed_medlora_plus"]
[model]
base = "bundled"
formulation = "markup"
[training]
num_threads = {threads}
[aggregation]
validation_sentences = 20
validation_heads = 10
[evaluation]
round_notes = 1
final_notes = 2
drawn_notes = 0
"""
_SITE = '[[sites]]\npath = "hospitals/{name}"\nmax_notes = {notes}\nmax_heads = 30\n'
_SERVER = '[[sites]]\npath = "hospitals/validation"\nrole = "server"\n'


class Untrained:
    """A backbone that learns at once, moves a little at random, and makes no mistake."""

    def __init__(self, initial: AdapterWeights) -> None:
        self.digest, self.num_bytes, self.dtype = "0" * 64, 1, "float32"
        self._initial = initial

    def initial(self) -> AdapterWeights:
        """Return the adapter every site starts from."""
        return self._initial

    def train(
        self,
        start: AdapterWeights,
        examples: Sequence[WrittenExample],
        plan: LocalPlan,
        *,
        steering: Steering = STRAIGHT,
    ) -> Trained:
        """Return an adapter beside the one it starts from."""
        del steering
        step = np.float32(1e-3 * (1 + plan.seed % 7))
        adapter = {name: array + step for name, array in start.items()}
        num_tokens = sum(example.num_label_tokens for example in examples)
        return Trained(adapter, num_tokens, 1.0)

    def loss(self, adapter: AdapterWeights, examples: Sequence[WrittenExample]) -> float:
        """Return a loss."""
        del adapter, examples
        return 1.0

    def answer(self, adapter: AdapterWeights, examples: Sequence[WrittenExample]) -> list[Output]:
        """Return what is asked for."""
        del adapter
        return [Output(example.ideal) for example in examples]

    def spent(self) -> Mapping[str, int]:
        """Return nothing."""
        return {}


class Unscored(LocalEngine[WrittenExample]):
    """An engine that scores the notes of a site once, and says the same from then on."""

    def __init__(self, *given: Any, **told: Any) -> None:  # noqa: ANN401 -- the engine's own
        super().__init__(*given, **told)
        self._known: dict[Any, Tally] = {}

    def evaluate(
        self,
        bundle: AdapterWeights,
        sites: Sequence[str],
        scope: Scope,
        *,
        memories: Mapping[str, str] = NOTHING_KEPT,
    ) -> Iterator[tuple[str, Tally]]:
        """Yield each site with the tally of its notes in the scope."""
        del memories
        for site in sites:
            if (site, scope) not in self._known:
                ((_, self._known[site, scope]),) = super().evaluate(bundle, [site], scope)
            yield site, self._known[site, scope]


def main() -> int:
    """Measure, print a table, write JSON; 1 where a limit is passed."""
    options, began_on = _options(), machine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _command("data", "synthesize", "--out", str(folder / "hospitals"))
        helps = [seconds_of(lambda: _command("--help")) for _ in range(options.turns)]
        kinds: tuple[type[LocalEngine[WrittenExample]], ...] = (Unscored, LocalEngine)
        rounds, scored = (
            [_seconds_a_round(folder, kind, options, turn) for turn in range(options.turns)]
            for kind in kinds
        )
        memory = [_memory_ratio(folder, options, turn) for turn in range(options.memory_turns)]
    measured = dict(zip(MEASURED, (helps, rounds, memory, scored), strict=True))
    rows = ((what, spread(measured[what], 3), str(LIMITS.get(what, "-"))) for what in measured)
    sys.stdout.write(f"{began_on}. Minimum / median / maximum.\n\n")
    sys.stdout.write(table(("what", "measured", "at most"), rows))
    keep(options, {"rows": measured, "limits": LIMITS})
    passed = [what for what in LIMITS if statistics.median(measured[what]) > LIMITS[what]]
    sys.stderr.writelines(f"{what}: more than {LIMITS[what]}\n" for what in passed)
    return 1 if passed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--turns", type=int, default=5, help="of help and of rounds")
    parser.add_argument("--rounds", type=int, default=10, help="rounds a turn")
    parser.add_argument("--memory-turns", type=int, default=3, help="runs over one site, and five")
    parser.add_argument("--notes", type=int, default=20, help="training notes a site")
    parser.add_argument("--threads", type=int, default=1, help="threads of a run")
    told_aside(parser)
    return parser.parse_args()


def _command(*words: str) -> None:
    program = Path(sys.executable).with_name("fedmedlora")
    subprocess.run([program, *words], check=True, capture_output=True)  # noqa: S603 -- our own


def _experiment(folder: Path, sites: Sequence[str], rounds: int, options: Any) -> Path:  # noqa: ANN401
    text = _EXPERIMENT.format(rounds=rounds, threads=options.threads)
    text += "".join(_SITE.format(name=name, notes=options.notes) for name in sites) + _SERVER
    file = folder / f"{len(sites)}_sites_{rounds}_rounds.toml"
    file.write_text(text, encoding="utf-8")
    return file


def _seconds_a_round(
    folder: Path, kind: type[LocalEngine[WrittenExample]], options: argparse.Namespace, turn: int
) -> float:
    """Return what one more round takes: so many and one, less one, by their number."""
    few, many = (_seconds(folder, kind, 1 + more, options, turn) for more in (0, options.rounds))
    return (many - few) / int(options.rounds)


def _seconds(
    folder: Path,
    kind: type[LocalEngine[WrittenExample]],
    rounds: int,
    options: argparse.Namespace,
    turn: int,
) -> float:
    file = _experiment(folder, SITES, rounds, options)
    experiment = read_experiment(file)
    cohorts = load_cohorts(experiment)
    engine = _engine(kind, cohorts, experiment.model)
    out = folder / f"{kind.__name__}_{rounds}_{turn}"
    with RunStore.create(out, experiment_path=file, environment=environment()) as store:
        return seconds_of(lambda: run(experiment, engine, store, cohorts))


def _engine(
    kind: type[LocalEngine[WrittenExample]], cohorts: dict[str, Cohort], model: Model
) -> LocalEngine[WrittenExample]:
    opened: Any = open_model(model, Training(), TYPES, seed=0)
    task: Any = opened.task
    backbone = Untrained(opened.backbone.initial())
    words, shelf = opened.tokenizer, MemoryShelf()
    return kind(backbone, task, cohorts, tokenizer=words, vocabulary=range(100), shelf=shelf)


def _memory_ratio(folder: Path, options: argparse.Namespace, turn: int) -> float:
    return _peak(folder, SITES, options, turn) / _peak(folder, SITES[:1], options, turn)


def _peak(folder: Path, sites: Sequence[str], options: argparse.Namespace, turn: int) -> float:
    """Return the most memory of a run of one round, in bytes, as the run itself tells it."""
    file, out = _experiment(folder, sites, 1, options), folder / f"memory_{len(sites)}_{turn}"
    _command("run", str(file), "--out", str(out))
    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    peak: float = results["environment"]["usage"]["peak_memory_bytes"]
    return peak


if __name__ == "__main__":
    sys.exit(main())
