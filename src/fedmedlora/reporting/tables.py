"""Tables of scores: arms, sites, types, gains, the new site."""

from collections.abc import Iterable, Mapping, Sequence

from fedmedlora.reporting import arms
from fedmedlora.reporting.arms import STATISTICS, Json
from fedmedlora.reporting.figures import whisker
from fedmedlora.reporting.markup import (
    NOTHING,
    Cell,
    Heading,
    Html,
    Rows,
    element,
    join,
    table,
    text,
    words,
)
from fedmedlora.reporting.quantities import (
    count,
    decimal,
    defined,
    duration,
    interval,
    points,
    show,
    size,
)

_GROUPS = {
    "Nobody trains": arms.UNTRAINED,
    "Each site for itself": ("single_site",),
    "All notes in one place": ("centralised",),
    "Together, notes stay": ("federated",),
    "Together, then each site alone": ("personalised",),
}


def figure(words: str) -> Cell:
    """Return a cell with a figure in words."""
    return Cell(show(words))


def named(value: object) -> Cell:
    """Return a cell with plain text."""
    return Cell(text(value))


def swatch(results: Json, arm: Json) -> Cell:
    """Return a cell with an arm's name behind its colour."""
    dot = element("span", class_=f"swatch {arms.colour(results, arm)}", aria_hidden="true")
    return Cell(join([dot, text(arms.title(arm["name"]))]))


def arms_table(results: Json) -> Html:
    """Return every arm with its scores, time and bytes; averages of single sites below them."""
    external = arms.sites_of(results, "external")
    first, *others = arms.kind_of(results).metrics.values()
    headings = [
        Heading("Arm", figures=False),
        *(Heading(name, first.of_all) for name in STATISTICS.values()),
        *(Heading(metric.short, metric.group) for metric in others),
        *(Heading(site, f"External, {first.short}") for site in external),
        Heading("time", "Cost"),
        Heading("sent", "Cost"),
    ]
    groups = []
    for title, kinds in _GROUPS.items():
        members = arms.arms_of(results, *kinds)
        rows = [_arm_row(results, arm, external) for arm in members]
        if len(members) > 1 and "single_site" in kinds:
            rows.append(_mean_row(results, members, external))
        groups.append(Rows(rows, title))
    return table("Means over the training sites", headings, groups)


def _arm_row(results: Json, arm: Json, external: Sequence[str]) -> list[Cell]:
    first, *others = arms.kind_of(results).metrics
    return [
        swatch(results, arm),
        *(figure(decimal(arms.summary(arm, first, s))) for s in STATISTICS),
        *(figure(decimal(arms.summary(arm, metric))) for metric in others),
        *(figure(decimal(arms.final_f1(arm, site, first))) for site in external),
        figure(duration(arm.get("seconds"))),
        figure(size(arms.bytes_sent(arm))),
    ]


def _mean_row(results: Json, members: Sequence[Json], external: Sequence[str]) -> list[Cell]:
    first, *others = arms.kind_of(results).metrics

    def mean(metric: str, statistic: str = "mean") -> Cell:
        return figure(decimal(arms.mean(arms.summary(a, metric, statistic) for a in members)))

    cells = [
        named("Average of these"),
        *(mean(first, statistic) for statistic in STATISTICS),
        *(mean(metric) for metric in others),
        *(
            figure(decimal(arms.mean(arms.final_f1(a, site, first) for a in members)))
            for site in external
        ),
        figure(duration(arms.mean(defined(a.get("seconds")) for a in members))),
        figure(size(None)),
    ]
    return [Cell(cell.content, "average") for cell in cells]


def statistics_table(results: Json) -> Html:
    """Return mean, lowest, harmonic mean and deviation for every metric and arm."""
    metrics = arms.kind_of(results).metrics
    headings = [
        Heading("Arm", figures=False),
        *(Heading(name, m.title) for m in metrics.values() for name in STATISTICS.values()),
    ]
    rows = [
        [
            swatch(results, arm),
            *(figure(decimal(arms.summary(arm, m, s))) for m in metrics for s in STATISTICS),
        ]
        for arm in arms.compared(results)
    ]
    return table("All statistics over the training sites", headings, [Rows(rows)])


def site_scores_table(results: Json) -> Html:
    """Return each arm's final scores at each site, with intervals."""
    metrics = arms.kind_of(results).metrics
    headings = [
        Heading("Arm", figures=False),
        Heading("split", figures=False),
        *(Heading(name, m.title) for m in metrics.values() for name in (m.score, "95 % interval")),
    ]
    every = [*arms.compared(results), *arms.arms_of(results, "new_site")]
    sites = arms.sites_of(results, "train", "external", "new_site")
    groups = [
        Rows([_scores_row(results, a, s) for a in every if s in a.get("final", {})], s)
        for s in sites
    ]
    return table("Every final score, site by site", headings, groups)


def _scores_row(results: Json, arm: Json, site: str) -> list[Cell]:
    scores = arm["final"][site]
    cells = [swatch(results, arm), named((scores or {}).get("split", ""))]
    for metric in arms.kind_of(results).metrics:
        cells.append(figure(decimal(arms.f1(scores, metric))))
        cells.append(figure(interval(arms.interval_of(scores, metric))))
    return cells


def types_table(results: Json, part: str) -> Html:
    """Return strict F1 by type, counts pooled over the training sites."""
    members = arms.compared(results)
    sites = arms.sites_of(results, "train")
    pooled = {arm["name"]: _pooled(arm, sites, part) for arm in members}
    types = sorted({type_ for counts in pooled.values() for type_ in counts})
    headings = [Heading("Arm", figures=False), *(Heading(type_) for type_ in types)]
    rows = [
        [
            swatch(results, arm),
            *(figure(decimal(_f1_of(pooled[arm["name"]].get(t)), digits=2)) for t in types),
        ]
        for arm in members
    ]
    titles = [m.title for m in arms.kind_of(results).metrics.values() if m.part == part]
    return table(
        f"{titles[0]}: F1 by type, counts of all training sites added", headings, [Rows(rows)]
    )


def _pooled(arm: Json, sites: Iterable[str], part: str) -> dict[str, list[int]]:
    pooled: dict[str, list[int]] = {}
    for site in sites:
        scores = arm.get("final", {}).get(site) or {}
        for type_, counts in ((scores.get(part) or {}).get("by_type") or {}).items():
            known = pooled.setdefault(type_, [0, 0, 0])
            pooled[type_] = [a + counts[k] for a, k in zip(known, ("tp", "fp", "fn"), strict=True)]
    return pooled


def _f1_of(counts: Sequence[int] | None) -> float | None:
    true, false, missed = counts or (0, 0, 0)
    whole = 2 * true + false + missed
    return 2 * true / whole if whole else None


def gains_table(metric: str, comparisons: Sequence[Json]) -> Html:
    """Return one metric's differences between arms with their intervals, drawn on one axis."""
    reach = _reach(comparisons)
    headings = [
        Heading("Arm, against", figures=False),
        Heading("Points"),
        Heading("95 % interval"),
        Heading(f"from {points(-reach)} to {points(reach)}", figures=False),
        Heading("Zero in it", figures=False),
    ]
    places = list(dict.fromkeys(comparison["where"] for comparison in comparisons))
    groups = [
        Rows([_gain_row(c, reach) for c in comparisons if c["where"] == place], f"At {place}")
        for place in places
    ]
    caption = f"{arms.metric_title(metric)}: differences, the first arm minus the second"
    return table(caption, headings, groups)


def _bounds(comparison: Json) -> tuple[float, float] | None:
    low, high = (defined(bound) for bound in comparison.get("ci95") or (None, None))
    return None if low is None or high is None else (low, high)


def _reach(comparisons: Iterable[Json]) -> float:
    ends = [0.01]
    for comparison in comparisons:
        known = [defined(comparison.get("difference")), *(_bounds(comparison) or ())]
        ends += [abs(value) for value in known if value is not None]
    return 1.05 * max(ends)


def _gain_row(comparison: Json, reach: float) -> list[Cell]:
    bounds = _bounds(comparison)
    difference = defined(comparison.get("difference"))
    within = "–" if bounds is None else "yes" if bounds[0] <= 0 <= bounds[1] else "no"
    pair = f"{arms.title(comparison['arm'])} − {arms.title(comparison['against'])}"
    note = comparison.get("note")
    remark = words("span", arms.title(note), class_="remark") if note else NOTHING
    return [
        Cell(join([text(pair), remark])),
        figure(points(difference)),
        figure(interval(bounds, signed=True)),
        Cell(NOTHING if difference is None else whisker(difference, bounds, reach=reach)),
        figure(within),
    ]


def new_site_table(results: Json, site: str) -> Html:
    """Return what a new site gets: untouched arms, training alone, adapting, joining."""
    first, *others = arms.kind_of(results).metrics.values()
    headings = [
        Heading("Arm", figures=False),
        Heading(first.score, first.title),
        Heading("95 % interval", first.title),
        *(Heading(metric.score, metric.title) for metric in others),
        Heading("time"),
    ]
    untouched = [
        arm
        for arm in arms.arms_of(results, *arms.UNTRAINED, "federated")
        if site in arm.get("final", {})
    ]
    own = [a for a in arms.arms_of(results, "new_site") if a["name"].partition(":")[2] == site]
    groups = [
        Rows([_new_row(results, arm, site, None) for arm in untouched], "Without its notes"),
        Rows(
            [_new_row(results, arm, site, arm.get("seconds")) for arm in own], "With its own notes"
        ),
    ]
    return table(f"Scores at {site}", headings, groups)


def _new_row(results: Json, arm: Json, site: str, seconds: object) -> list[Cell]:
    scores: Mapping[str, object] | None = arm.get("final", {}).get(site)
    first, *others = arms.kind_of(results).metrics
    return [
        swatch(results, arm),
        figure(decimal(arms.f1(scores, first))),
        figure(interval(arms.interval_of(scores, first))),
        *(figure(decimal(arms.f1(scores, metric))) for metric in others),
        figure(duration(seconds)),
    ]


def rounds_table(arm: Json, metric: str) -> Html:
    """Return an arm's figure after each round at each site it was scored at."""
    sites = sorted({s for r in arm.get("rounds", ()) for s in r.get("evaluation") or {}})
    headings = [Heading("Round"), *(Heading(site) for site in sites), Heading("time")]
    rows = [
        [
            named(r["round"]),
            *(
                figure(decimal(arms.f1((r.get("evaluation") or {}).get(site), metric)))
                for site in sites
            ),
            figure(duration(r.get("seconds"))),
        ]
        for r in arm.get("rounds", ())
    ]
    best = arm.get("best_round")
    kept = "" if best is None else f"; round {count(best)} was kept"
    return table(f"{arms.title(arm['name'])}, dev notes{kept}", headings, [Rows(rows)])


def nothing(reason: str) -> Html:
    """Return the sentence that stands where there is nothing to show."""
    return words("p", reason, class_="nothing")
