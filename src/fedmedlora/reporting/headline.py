"""The one paragraph everybody reads, made of figures and said in plain words."""

from collections.abc import Sequence

from fedmedlora.reporting import arms
from fedmedlora.reporting.arms import Json
from fedmedlora.reporting.markup import Html, element, join, text, words
from fedmedlora.reporting.quantities import UNDEFINED, decimal, defined, percent, points, show

_NUMBERS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")


def headline(results: Json) -> Html:
    """Return what the run showed with its preferred federated arm, and what that rests on."""
    sites = arms.sites_of(results, "train")
    lead = arms.lead(results)
    if lead is None:
        return words("p", "This run holds no scored federated arm.", class_="headline")
    where = "" if results.get("between_hospitals") else ", in a rehearsal on one machine"
    trained = "sites trained one model together without sharing training notes"
    said = [
        f"{_number(len(sites))} {trained}{where}.",
        _reached(results, lead),
        _against(results, lead),
        *_outside(results, lead),
    ]
    return words("p", " ".join(filter(None, said)), class_="headline")


def _number(value: int) -> str:
    return _NUMBERS[value] if value < len(_NUMBERS) else str(value)


def _reached(results: Json, lead: Json) -> str:
    rivals = len(arms.federations(results))
    picked = rivals > 1 and lead["name"] != results.get("preferred")
    chosen = f", the higher of {rivals} weightings," if picked else ""
    metric = arms.leading(results)
    mean, lowest = arms.summary(lead, metric), arms.summary(lead, metric, "min")
    return (
        f"With {arms.title(lead['name'])}{chosen} it {arms.kind_of(results).does} of "
        f"{decimal(mean)}, where 1 is perfect, on average over these sites, and of "
        f"{decimal(lowest)} at the weakest."
    )


def _against(results: Json, lead: Json) -> str:
    metric = arms.leading(results)
    mean = arms.summary(lead, metric)
    alone = arms.arms_of(results, "single_site")
    best = arms.best(alone, metric)
    clauses = [
        _difference(mean, arms.summary(best, metric) if best else None, _best_words(best)),
        _difference(
            mean, arms.mean(arms.summary(a, metric) for a in alone), "the average site alone"
        ),
        _difference(
            mean,
            arms.mean(arms.summary(a, metric) for a in arms.arms_of(results, "centralised")),
            "training on all notes in one place",
        ),
    ]
    return _sentence("That is ", [clause for clause in clauses if clause])


def _best_words(best: Json | None) -> str:
    site = best["name"].partition(":")[2] if best else ""
    return f"the best site alone ({site})"


def _difference(value: float | None, other: float | None, against: str) -> str:
    if value is None or other is None:
        return ""
    gap = value - other
    size = points(abs(gap)).removeprefix("+")
    if size == "0.0":
        return f"level with {against}"
    return f"{size} points {'above' if gap > 0 else 'below'} {against}"


def _sentence(start: str, clauses: Sequence[str]) -> str:
    if not clauses:
        return ""
    *first, last = clauses
    return f"{start}{', '.join(first)}{' and ' if first else ''}{last}."


def _outside(results: Json, lead: Json) -> list[str]:
    said, metric = [], arms.leading(results)
    for site in arms.sites_of(results, "external"):
        value = arms.final_f1(lead, site, metric)
        if value is None:
            continue
        alone = [arms.final_f1(a, site, metric) for a in arms.arms_of(results, "single_site")]
        best = max((score for score in alone if score is not None), default=None)
        clause = _difference(value, best, "the best site alone there")
        said.append(
            f"At {site}, which took no part, it scores {decimal(value)}"
            f"{', ' if clause else ''}{clause}."
        )
    return said


def key_figures(results: Json) -> Html:
    """Return the handful of figures to remember, as a list of terms."""
    lead = arms.lead(results)
    metric = arms.leading(results)
    mean = arms.summary(lead, metric) if lead else None
    best = arms.best(arms.arms_of(results, "single_site"), metric)
    central = arms.best(arms.arms_of(results, "centralised"), metric)
    saving = defined((results.get("communication") or {}).get("saving"))
    figures = [
        (decimal(mean), f"{arms.kind_of(results).figure}, mean over training sites"),
        (_gap(mean, best, metric), "points against the best site alone"),
        (_gap(mean, central, metric), "points against all notes in one place"),
        (percent(saving), "less sent than with the whole model"),
    ]
    return element(
        "dl",
        *(
            element("div", words("dt", label), element("dd", show(figure)))
            for figure, label in figures
        ),
        class_="key-figures",
    )


def _gap(mean: float | None, other: Json | None, metric: str) -> str:
    value = arms.summary(other, metric) if other else None
    return UNDEFINED if mean is None or value is None else points(mean - value)


def introduction(results: Json) -> Html:
    """Return the experiment's name and what kind of page this is."""
    seed = results.get("seed", UNDEFINED)
    name = results.get("experiment", "unnamed")
    return join(
        [
            element("p", text("Fed-MedLoRA · report of a run"), class_="kicker"),
            words("h1", str(name)),
            words("p", f"Seed {seed}. Every figure of this run comes from its record."),
        ]
    )
