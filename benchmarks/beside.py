"""What of a run stands in the appendix of another's report: the figures of its arms' table.

python benchmarks/beside.py RUN/results.json THE_OTHER/results.json "Title" > beside.json
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_OF_ARM = ("name", "kind", "seconds", "best_round", "summary")
_DIGITS = 4


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("results", type=Path, help="results.json of the run that is kept")
    parser.add_argument("other", type=Path, help="results.json of the run whose report shows it")
    parser.add_argument("title")
    options = parser.parse_args()
    kept, other = (
        json.loads(path.read_text(encoding="utf-8")) for path in (options.results, options.other)
    )
    sys.stdout.write(json.dumps(beside(kept, other, options.title), indent=1) + "\n")


def beside(kept: Mapping[str, Any], other: Mapping[str, Any], title: str) -> dict[str, Any]:
    """Return the figures of a run, with the settings in which it differs from another."""
    own, others = (one["environment"]["settings"] for one in (kept, other))
    external = [site["name"] for site in kept["sites"] if site["role"] == "external"]
    return {
        "title": title,
        "version": kept["environment"]["versions"]["fedmedlora"],
        "system": f"{kept['environment']['cores']} cores, {kept['environment']['machine']}",
        "settings": {key: own[key] for key in own if own[key] != others.get(key)},
        "sites": [{"name": name, "role": "external"} for name in external],
        "arms": [_arm(arm, external) for arm in kept["arms"] if arm["kind"] != "new_site"],
    }


def _arm(arm: Mapping[str, Any], external: Sequence[str]) -> dict[str, Any]:
    """Return an arm with its rounds as one, its scores only where the table shows them."""
    strict = {name: arm["final"][name]["ner"]["strict"]["f1"] for name in external}
    final = {name: {"ner": {"strict": {"f1": f1}}} for name, f1 in strict.items()}
    sent = {way: {"all": _sent(arm, way)} for way in ("bytes_up", "bytes_down") if _sent(arm, way)}
    figures = {key: arm[key] for key in _OF_ARM}
    kept: dict[str, Any] = _rounded({**figures, "rounds": [sent] if sent else [], "final": final})
    return kept


def _sent(arm: Mapping[str, Any], way: str) -> int:
    return sum(sum(round_[way].values()) for round_ in arm["rounds"])


def _rounded(value: Any) -> Any:  # noqa: ANN401 -- whatever JSON holds
    if isinstance(value, Mapping):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return round(value, _DIGITS) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
