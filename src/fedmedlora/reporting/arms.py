"""Looking into results.json: which arms and sites there are, what they are called, what they score.

A score that is missing, null or not finite is None; no score is ever made up.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from fedmedlora.federation.strategies import methods
from fedmedlora.reporting.quantities import defined
from fedmedlora.tasks.kind import Metric, TaskKind, task_kinds

Json = Mapping[str, Any]

STATISTICS = {
    "mean": "Mean",
    "min": "Lowest",
    "harmonic_mean": "Harmonic mean",
    "std": "Std. dev.",
}

UNTRAINED = ("zero_shot", "prompted")
"""Kinds of arms in which nobody trains."""
TOGETHER = ("federated", "personalised")
"""Kinds of arms in which the sites train one model."""

_TITLES = {
    "zero_shot": "Zero-shot",
    "few_shot": "Few-shot",
    "bert": "BERT, all weights averaged",
    "endpoint_zero_shot": "Endpoint, zero-shot",
    "endpoint_few_shot": "Endpoint, few-shot",
    "single_site": "Each site alone",
    "centralised": "Centralised",
    "mean single site": "Average site alone",
    "best single site": "Best site alone",
}
_SITE_TITLES = {
    "single_site": "{} alone",
    "local_only": "Local only at {}",
    "adapted": "Adapted at {}",
    "joined": "{} joins the federation",
}
_COLOURS = {"zero_shot": "arm-zero", "single_site": "arm-single", "centralised": "arm-central"}
_NEW_SITE_COLOURS = {"local_only": "arm-local", "adapted": "arm-adapted", "joined": "arm-joined"}
_NUM_FEDERATED_COLOURS = 4


def kind_of(results: Json) -> TaskKind:
    """Return the task of a run; one that does not say is from when there was one."""
    return task_kinds()[results.get("task", "extract")]


def leading(results: Json) -> str:
    """Return the name of the figure that a run is told by first."""
    return next(iter(kind_of(results).metrics))


def arms_of(results: Json, *kinds: str) -> list[Json]:
    """Return the arms of these kinds, in the order of the results."""
    return [arm for arm in results.get("arms", ()) if arm.get("kind") in kinds]


def federations(results: Json) -> list[Json]:
    """Return the federated arms of the experiment's own model."""
    return [a for a in arms_of(results, "federated") if a.get("model", "own") == "own"]


def compared(results: Json) -> list[Json]:
    """Return the arms that stand side by side on the training sites, from none to all notes."""
    return [
        arm
        for kinds in (UNTRAINED, ("single_site",), ("centralised",), TOGETHER)
        for arm in arms_of(results, *kinds)
    ]


def sites_of(results: Json, *roles: str) -> list[str]:
    """Return the names of the sites that play one of these roles."""
    return [site["name"] for site in results.get("sites", ()) if site.get("role") in roles]


def title(name: str) -> str:
    """Return what a person calls an arm."""
    form, _, site = name.partition(":")
    if site and form in _SITE_TITLES:
        return _SITE_TITLES[form].format(site)
    return methods()[name].title if name in methods() else _TITLES.get(name, name)


def metric_title(metric: str) -> str:
    """Return what a person calls a metric."""
    type_ = metric.removesuffix("_strict_f1")
    known = _metrics()
    return known[metric].title if metric in known else f"Entities of type {type_}, strict"


@cache
def _metrics() -> Mapping[str, Metric]:
    """Return the figures of all tasks by name; no two tasks have one name for two."""
    return {name: one for kind in task_kinds().values() for name, one in kind.metrics.items()}


def told_apart(results: Json) -> list[Json]:
    """Return the federated arms that a figure can tell apart: the leading one, then the best."""
    federated = arms_of(results, "federated")
    if len(federated) <= _NUM_FEDERATED_COLOURS:
        return federated
    first = lead(results)
    ranked = sorted(
        federated, key=lambda arm: (arm is not first, -(summary(arm, leading(results)) or 0.0))
    )
    chosen = [arm["name"] for arm in ranked[:_NUM_FEDERATED_COLOURS]]
    return [arm for arm in federated if arm["name"] in chosen]


def colour(results: Json, arm: Json) -> str:
    """Return the style class of an arm's colour; of many federated arms a few have their own."""
    if arm.get("kind") == "federated":
        names = [a["name"] for a in told_apart(results)]
        return f"arm-fed{names.index(arm['name']) + 1}" if arm["name"] in names else "arm-zero"
    if arm.get("kind") == "new_site":
        return _NEW_SITE_COLOURS.get(arm["name"].partition(":")[0], "arm-zero")
    return _COLOURS.get(arm.get("kind", ""), "arm-zero")


def f1(scores: Json | None, metric: str) -> float | None:
    """Return one F1 of a site's scores."""
    return defined(_cell(scores, metric).get("f1"))


def interval_of(scores: Json | None, metric: str) -> Sequence[float] | None:
    """Return the 95 % interval of one F1 of a site's scores."""
    return _cell(scores, metric).get("ci95")


def _cell(scores: Json | None, metric: str) -> Json:
    asked = _metrics()[metric]
    return ((scores or {}).get(asked.part) or {}).get(asked.matching) or {}


def final_f1(arm: Json, site: str, metric: str) -> float | None:
    """Return one F1 of an arm's final evaluation at a site."""
    return f1(arm.get("final", {}).get(site), metric)


def summary(arm: Json, metric: str, statistic: str = "mean") -> float | None:
    """Return one statistic over the training sites."""
    return defined((arm.get("summary", {}).get(metric) or {}).get(statistic))


def best(arms: Iterable[Json], metric: str) -> Json | None:
    """Return the arm with the highest mean over the training sites, the first of equals."""
    scored = [(arm, summary(arm, metric)) for arm in arms]
    known = [(mean, arm) for arm, mean in scored if mean is not None]
    return max(known, key=lambda pair: pair[0])[1] if known else None


def lead(results: Json) -> Json | None:
    """Return the federated arm that the run was set up to prefer, else the one that did best."""
    federated = federations(results)
    named = [arm for arm in federated if arm["name"] == results.get("preferred")]
    return named[0] if named else best(federated, leading(results))


def mean(values: Iterable[float | None]) -> float | None:
    """Return the plain mean of the defined values."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def evaluations(arm: Json, site: str, metric: str) -> tuple[float | None, ...]:
    """Return one F1 at a site after each round."""
    return tuple(f1(r.get("evaluation", {}).get(site), metric) for r in arm.get("rounds", ()))


def scored_on_dev(results: Json) -> list[str]:
    """Return the sites whose final scores come from dev notes, for want of test notes."""
    finals = [arm.get("final", {}) for arm in results.get("arms", ())]
    found = {
        site for final in finals for site, s in final.items() if (s or {}).get("split") == "dev"
    }
    return sorted(found)


def bytes_sent(arm: Json) -> int | None:
    """Return the bytes an arm sent up and down; None where nothing had to travel."""
    maps = [r.get(way) or {} for r in arm.get("rounds", ()) for way in ("bytes_up", "bytes_down")]
    return sum(sum(sent.values()) for sent in maps) if any(maps) else None
