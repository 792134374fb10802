"""Print a run's figures as Markdown: every arm, every site, gains with intervals, times.

python benchmarks/results_markdown.py runs/open_sites/results.json > FIGURES.md
"""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

_METRICS = {
    "NER strict": ("ner", "strict"),
    "NER lenient": ("ner", "lenient"),
    "RE from gold heads, strict": ("re_gold", "strict"),
    "RE end to end, strict": ("re", "strict"),
}
_SUMMARY = {
    "ner_strict_f1": "NER strict",
    "ner_lenient_f1": "NER lenient",
    "re_gold_strict_f1": "RE gold heads",
    "re_strict_f1": "RE end to end",
}


def main() -> None:
    """Print the tables of one results.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("results", type=Path, metavar="RESULTS.json", help="of a run folder")
    results = json.loads(parser.parse_args().results.read_text(encoding="utf-8"))
    blocks = [
        _settings(results),
        "## Over the training sites\n\n" + _over_sites(results["arms"]),
        *(_by_site(results, title, *key) for title, key in _METRICS.items()),
        "## Gains\n\n" + _gains(results["comparisons"]),
        "## Rounds\n\n" + _rounds(results["arms"]),
        "## What the formulation can express at best\n\n" + _ceilings(results["sites"]),
    ]
    sys.stdout.write("\n\n".join(blocks) + "\n")


def _settings(results: Mapping[str, Any]) -> str:
    seconds = sum(arm["seconds"] for arm in results["arms"])
    return (
        f"Experiment `{results['experiment']}`, seed {results['seed']}; the arms' own time adds up "
        f"to {seconds / 60:.0f} minutes, shared rounds counted for each arm."
    )


def _over_sites(arms: Sequence[Mapping[str, Any]]) -> str:
    scores = (f"{name}: mean (min)" for name in _SUMMARY.values())
    head = ["arm", *scores, "best round", "MB sent", "seconds"]
    rows = [
        [
            arm["name"],
            *(
                f"{_f1(arm['summary'][key]['mean'])} ({_f1(arm['summary'][key]['min'])})"
                for key in _SUMMARY
            ),
            "-" if arm["best_round"] is None else str(arm["best_round"]),
            _megabytes(arm),
            f"{arm['seconds']:.0f}",
        ]
        for arm in arms
    ]
    return _table(head, rows)


def _megabytes(arm: Mapping[str, Any]) -> str:
    """Return what an arm sent, both ways and over all rounds."""
    ways = [one[way] for one in arm["rounds"] for way in ("bytes_up", "bytes_down")]
    total = sum(sum(sent.values()) for sent in ways)
    return f"{total / 1e6:.1f}" if total else "-"


def _by_site(results: Mapping[str, Any], title: str, part: str, matching: str) -> str:
    sites = [site["name"] for site in results["sites"] if site["role"] != "server"]
    rows = []
    for arm in results["arms"]:
        scored = {site: (arm["final"].get(site) or {}).get(part) for site in sites}
        rows.append([arm["name"], *(_with_interval(scored[site], matching) for site in sites)])
    return f"## {title}, by site\n\n" + _table(["arm", *sites], rows)


def _gains(comparisons: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [
            c["arm"],
            f"{c['against']} ({c['note']})" if c["note"] else c["against"],
            c["metric"],
            c["where"],
            f"{100 * c['difference']:+.1f}",
            "-"
            if c["ci95"] is None
            else "[{:+.1f}, {:+.1f}]".format(*(100 * x for x in c["ci95"])),
        ]
        for c in comparisons
    ]
    return _table(["arm", "against", "metric", "where", "points of F1", "95 % interval"], rows)


def _rounds(arms: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [
            arm["name"],
            str(one["round"]),
            _f1(one["score"]),
            ", ".join(f"{site} {share:.2f}" for site, share in one["shares"].items()),
            f"{one['seconds']:.0f}",
        ]
        for arm in arms
        for one in arm["rounds"]
    ]
    return _table(["arm", "round", "dev NER strict F1, mean", "shares", "seconds"], rows)


def _ceilings(sites: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [site["name"], site["role"], _f1(site["ceiling"]["ner"]), _f1(site["ceiling"]["re"])]
        for site in sites
        if site["role"] != "server"
    ]
    return _table(["site", "role", "NER recall", "RE recall"], rows)


def _with_interval(scores: Mapping[str, Any] | None, matching: str) -> str:
    if scores is None:
        return "-"
    figures = scores[matching]
    if figures["ci95"] is None:
        return _f1(figures["f1"])
    low, high = figures["ci95"]
    return f"{_f1(figures['f1'])} [{_f1(low)}, {_f1(high)}]"


def _f1(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
