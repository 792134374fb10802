"""An experiment with some settings changed, the demo's or another: every choice, every seed.

A setting is named as in an experiment file; several values are separated by commas, and a setting
with no value is taken out:

python benchmarks/variants.py --arms centralised fed_medlora --seeds 0 1 2 model.base=bundled
model.formulation=markup training.head_learning_rate= model.answer_loss=choices,full
"""

import argparse
import copy
import json
import statistics
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from importlib import resources
from itertools import product
from pathlib import Path
from typing import Any

from contest.figures import keep, machine, table, told_aside
from fedmedlora.cli import main as command_line

_SCORES = {
    "ner_strict_f1": "entities, strict F1",
    "ner_lenient_f1": "lenient F1",
    "re_gold_strict_f1": "relations, heads given",
}
Setting = tuple[str, str]


def main() -> int:
    """Run, print a table, write JSON."""
    options, began_on = _options(), machine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        document = _read(options.experiment) if options.experiment else _demo(folder)
        runs = [
            {
                "settings": dict(settings),
                "seed": seed,
                "arms": _arms(folder, changed(document, settings, seed, options.arms)),
            }
            for settings in combinations(options.settings)
            for seed in options.seeds
        ]
    sys.stdout.write(f"{began_on}; seeds {options.seeds}; {' '.join(options.settings)}\n\n")
    sys.stdout.write(_rows(runs))
    keep(options, {"runs": runs})
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("settings", nargs="*", metavar="SECTION.KEY=VALUE[,VALUE...]")
    parser.add_argument("--experiment", type=Path, metavar="FILE.toml", help="default: the demo")
    parser.add_argument("--arms", nargs="+", default=["centralised", "fed_medlora"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    told_aside(parser)
    return parser.parse_args()


def combinations(settings: Sequence[str]) -> Iterator[tuple[Setting, ...]]:
    """Yield every choice of one value for each setting."""
    named = [setting.partition("=")[::2] for setting in settings]
    for values in product(*(several.split(",") for _, several in named)):
        yield tuple((key, value) for (key, _), value in zip(named, values, strict=True))


def demo() -> dict[str, Any]:
    """Return the demo's experiment."""
    text = resources.files("fedmedlora.experiment").joinpath("demo.toml").read_text("utf-8")
    return tomllib.loads(text)


def _demo(folder: Path) -> dict[str, Any]:
    """Return the demo's experiment, its hospitals written into a folder."""
    with redirect_stdout(sys.stderr):
        command_line(["data", "synthesize", "--out", str(folder / "hospitals")])
    return demo()


def _read(file: Path) -> dict[str, Any]:
    """Return an experiment whose sites are found from anywhere."""
    document = tomllib.loads(file.read_text("utf-8"))
    for site in document["sites"]:
        site["path"] = str((file.parent / site["path"]).resolve())
    return document


def changed(
    document: Mapping[str, Any], settings: Sequence[Setting], seed: int, arms: Sequence[str]
) -> str:
    """Return an experiment with other settings, as TOML."""
    other: dict[str, Any] = copy.deepcopy(dict(document))
    other["experiment"] |= {"seed": seed, "arms": [*arms]}
    sites = other.pop("sites")
    for name, value in settings:
        section, _, key = name.partition(".")
        own = _training(sites) if section == "sites" else [other.setdefault(section, {})]
        for keys in own:
            keys.pop(key, None)
            if value:
                keys[key] = _value(value)
    sections = [f"[{name}]\n{_lines(keys)}" for name, keys in other.items()]
    return "\n".join([*sections, *(f"[[sites]]\n{_lines(site)}" for site in sites)])


def _training(sites: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [site for site in sites if "role" not in site]


def _value(said: str) -> Any:  # noqa: ANN401 -- whatever TOML holds
    """Return a value as TOML has it; what is none is a word."""
    try:
        return tomllib.loads(f"value = {said}")["value"]
    except tomllib.TOMLDecodeError:
        return said


def _lines(keys: Mapping[str, Any]) -> str:
    # What these files hold is written in TOML as in JSON.
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())


def _arms(folder: Path, text: str) -> Mapping[str, Any]:
    """Run one experiment; return each arm's summary over the training sites, and its seconds."""
    number = len([*folder.glob("*.toml")])
    file, run = folder / f"{number}.toml", folder / f"{number}"
    file.write_text(text, encoding="utf-8")
    with redirect_stdout(sys.stderr):
        code = command_line(["run", str(file), "--out", str(run)])
    if code:
        sys.exit(code)
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    return {arm["name"]: {**arm["summary"], "seconds": arm["seconds"]} for arm in results["arms"]}


def _rows(runs: Sequence[Mapping[str, Any]]) -> str:
    variants = list({tuple(run["settings"].items()): None for run in runs})
    varied = {key for key in runs[0]["settings"] if len({run["settings"][key] for run in runs}) > 1}
    head = ("arm", "with", *_SCORES.values(), "seconds")
    rows = []
    for arm in runs[0]["arms"]:
        for variant in variants:
            own = [run["arms"][arm] for run in runs if tuple(run["settings"].items()) == variant]
            said = ", ".join(f"{key}={value}" for key, value in variant if key in varied)
            means = (_over_seeds([one[score]["mean"] for one in own]) for score in _SCORES)
            seconds = f"{statistics.mean(one['seconds'] for one in own):.0f}"
            rows.append((arm, said or "-", *means, seconds))
    return table(head, rows)


def _over_seeds(values: Sequence[float]) -> str:
    """Return the mean and, of several, the least and the most in brackets."""
    mean = f"{statistics.mean(values):.3f}"
    return mean if len(values) == 1 else f"{mean} [{min(values):.3f}, {max(values):.3f}]"


if __name__ == "__main__":
    sys.exit(main())
