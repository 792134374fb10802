"""What stands under each heading of the report."""

import json
from collections.abc import Sequence

from fedmedlora.reporting import absences, arms, prose, records, tables
from fedmedlora.reporting.arms import Json
from fedmedlora.reporting.asking import asked_part, shown_table
from fedmedlora.reporting.figures import HeatRow, Series, Strip, heat_map, rounds_chart, strips
from fedmedlora.reporting.markup import NOTHING, Html, details, element, join, words
from fedmedlora.reporting.notes import drawn_note, legend, written_note
from fedmedlora.reporting.protections import left_open, protections_table
from fedmedlora.reporting.quantities import count, percent, size
from fedmedlora.reporting.tables import nothing


def arms_part(results: Json) -> Html:
    """Return how the arms compare: bars, the table, and what the scores mean."""
    sites, metric = arms.sites_of(results, "train"), arms.leading(results)
    rows = [
        Strip(
            arms.title(arm["name"]),
            arms.colour(results, arm),
            arms.summary(arm, metric),
            {site: arms.final_f1(arm, site, metric) for site in sites},
        )
        for arm in arms.compared(results)
    ]
    on_dev, kind = arms.scored_on_dev(results), arms.kind_of(results)
    glossary = [
        part
        for term, meaning in (*kind.glossary, *prose.GLOSSARY)
        for part in (words("dt", term), words("dd", meaning))
    ]
    return join(
        [
            strips(
                f"{_capital(kind.figure)} from 0 to 1: bar = mean, point = one training site", rows
            ),
            tables.arms_table(results),
            shown_table(results),
            nothing(prose.ON_DEV.format(sites=", ".join(on_dev))) if on_dev else NOTHING,
            details("What the scores mean", element("dl", *glossary)),
            details("All statistics", tables.statistics_table(results)),
            *(
                [details("By type", *(tables.types_table(results, part) for part in kind.typed))]
                if kind.typed
                else []
            ),
            details("Every score with its interval", tables.site_scores_table(results)),
        ]
    )


def _capital(words_: str) -> str:
    return words_[:1].upper() + words_[1:]


def rounds_part(results: Json) -> Html:
    """Return how the scores grew, round by round and site by site."""
    metric = arms.leading(results)
    learning = [
        arm
        for arm in (*arms.arms_of(results, "centralised"), *arms.told_apart(results))
        if _scored(arm)
    ]
    if not learning:
        return nothing("No arm was scored round by round.")
    sites = [
        s
        for s in arms.sites_of(results, "train", "external", "new_site")
        if any(v is not None for a in learning for v in arms.evaluations(a, s, metric))
    ]
    mean = [_series(results, arm, _mean_by_round(arm, results)) for arm in learning]
    panels = [("Mean over training sites", mean)]
    panels += [
        (site, [_series(results, arm, arms.evaluations(arm, site, metric)) for arm in learning])
        for site in sites
    ]
    left = len(arms.arms_of(results, "federated")) - len(arms.told_apart(results))
    some = f"; {left} federated arms that did less well are in the figures alone" if left else ""
    of_it = _capital(arms.kind_of(results).figure)
    caption = f"{of_it} on dev notes after each round; the ringed round was kept{some}"
    figures = [tables.rounds_table(arm, metric) for arm in results["arms"] if _scored(arm)]
    return join(
        [
            rounds_chart(caption, panels),
            details("The figures", element("div", *figures, class_="pair")),
        ]
    )


def _scored(arm: Json) -> bool:
    return any(r.get("evaluation") for r in arm.get("rounds", ()))


def _series(results: Json, arm: Json, values: tuple[float | None, ...]) -> Series:
    label, colour = arms.title(arm["name"]), arms.colour(results, arm)
    return Series(label, colour, values, arm.get("best_round"))


def _mean_by_round(arm: Json, results: Json) -> tuple[float | None, ...]:
    metric, sites = arms.leading(results), arms.sites_of(results, "train")
    by_site = [arms.evaluations(arm, site, metric) for site in sites]
    return tuple(arms.mean(values) for values in zip(*by_site, strict=True))


def matrix_part(results: Json) -> Html:
    """Return the cross-site matrix as a heat map."""
    first, *others = (
        (metric.title, _matrix(results, name, f"{metric.title}: {metric.score}"))
        for name, metric in arms.kind_of(results).metrics.items()
    )
    more = [details(title, drawn) for title, drawn in others]
    return join([words("p", prose.MATRIX), first[1], *more])


def _matrix(results: Json, metric: str, caption: str) -> Html:
    columns = arms.sites_of(results, "train", "external", "new_site")

    def row(arm: Json) -> HeatRow:
        own = arm["name"].partition(":")[2] or None
        scores = {site: arms.final_f1(arm, site, metric) for site in columns}
        return HeatRow(arms.title(arm["name"]), own, scores)

    kinds = (("single_site",), (*arms.UNTRAINED, "centralised", *arms.TOGETHER))
    titles = ("One site alone", "For comparison")
    groups = [
        (title, [row(arm) for arm in arms.arms_of(results, *members)])
        for title, members in zip(titles, kinds, strict=True)
    ]
    return heat_map(caption, columns, groups)


def gains_part(results: Json) -> Html:
    """Return the differences between arms with their intervals, strict entities first."""
    # Against zero-shot the gain is the whole figure, told above, and would stretch every axis.
    comparisons = [c for c in results.get("comparisons") or [] if c["against"] != "zero_shot"]
    if not comparisons:
        return nothing("No comparison with an interval was recorded.")
    metrics = sorted(
        {c["metric"] for c in comparisons}, key=lambda m: (m != arms.leading(results), m)
    )
    drawn = {
        metric: tables.gains_table(metric, [c for c in comparisons if c["metric"] == metric])
        for metric in metrics
    }
    first, *others = metrics
    more = [details(arms.metric_title(metric), drawn[metric]) for metric in others]
    return join([words("p", prose.INTERVALS), drawn[first], *more])


def shares_part(results: Json) -> Html:
    """Return each site's share by round with its reasons."""
    federated = [arm for arm in arms.arms_of(results, "federated") if arm.get("rounds")]
    if not federated:
        return nothing("No federated arm ran.")
    apart = [arm["name"] for arm in arms.told_apart(results)]
    first, others = (
        [_shares_of(results, arm) for arm in federated if (arm["name"] in apart) is shown]
        for shown in (True, False)
    )
    more = details("The other federated arms", *others) if others else NOTHING
    return join([words("p", prose.SHARES), *first, more])


def _shares_of(results: Json, arm: Json) -> Html:
    rounds = arm["rounds"]
    kept = [r for r in rounds if r["round"] == arm.get("best_round")] or rounds[-1:]
    tables_ = (records.shares_table(arm), records.reasons_table(arm, kept))
    return element(
        "div",
        element("div", *tables_, class_="pair"),
        details("The reasons in every round", records.reasons_table(arm, rounds)),
        class_=arms.colour(results, arm),
    )


def new_sites_part(results: Json) -> Html:
    """Return what a new site gains."""
    sites = arms.sites_of(results, "new_site")
    if not sites:
        return nothing("This experiment has no new site.")
    return join([words("p", prose.NEW_SITE), *(tables.new_site_table(results, s) for s in sites)])


def bytes_part(results: Json) -> Html:
    """Return what was sent, against the whole model."""
    sent = results.get("communication") or {}
    total = sum(arms.bytes_sent(arm) or 0 for arm in arms.federations(results))
    measured = (
        f"A message of this run was {size(sent.get('adapter_bytes'))} instead of "
        f"{size(sent.get('full_model_bytes'))}: {percent(sent.get('saving'))} less. "
        f"All federated arms of adapters together sent {size(total)}, both ways."
    )
    whole = (results.get("models") or {}).get("bert") or {}
    beside = f" One with all weights of BERT was {size(whole['adapter_bytes'])}." if whole else ""
    computed = prose.LARGE_MODEL.format(
        adapter=records.large_adapter_parameters(), saving=percent(records.large_saving(), digits=2)
    )
    bars, asked = records.message_bars(results), asked_part(results)
    return join([words("p", measured + beside), bars, words("p", computed), asked])


def notes_part(results: Json, drawn: Sequence[Json]) -> Html:
    """Return the drawn notes of public sites."""
    public = {site["name"] for site in results.get("sites") or () if site.get("public")}
    shown = [note for note in drawn if note["site"] in public]
    kind = arms.kind_of(results)
    parts = [written_note(note) for note in shown] if kind.fields else [legend()]
    parts += [] if kind.fields else [drawn_note(note) for note in shown]
    if not shown:
        parts = [nothing("No note of a public site was drawn.")]
    if len(shown) < len(drawn):
        left = len(drawn) - len(shown)
        parts.append(nothing(f"Left out because their site is not public: {left}."))
    return join(parts)


def sites_part(results: Json) -> Html:
    """Return who took part, and what the formulation cannot express."""
    if not arms.kind_of(results).ceilings:
        return records.sites_table(results)
    return join(
        [records.sites_table(results), words("p", prose.CEILINGS), records.ceilings_table(results)]
    )


def absences_part(results: Json) -> Html:
    """Return what did not count in a round, or not in full, and what was lost, and why."""
    absent, lost = absences.absences(results), absences.lost(results)
    clips = absences.clips(results)
    return join(
        [
            absences.absences_table(absent) if absent else nothing(prose.NOBODY_ABSENT),
            *([absences.clips_table(clips)] if clips else []),
            absences.lost_table(lost) if lost else nothing(prose.NOTHING_LOST),
        ]
    )


def privacy_part(results: Json) -> Html:
    """Return what leaves a site, what does not, and what is not guaranteed."""
    held = sum((site.get("notes") or {}).get("held_out", 0) for site in results.get("sites") or ())
    aside = (prose.SET_ASIDE.format(notes=count(held)),) if held else ()
    endpoint = (results.get("models") or {}).get("endpoint") or {}
    away = (prose.SENT_AWAY.format(endpoint=endpoint["base"]),) if endpoint else ()
    pooled = (prose.CENTRALISED,) if arms.arms_of(results, "centralised") else ()
    columns = (
        ("What leaves a site", (prose.LEAVES_A_SITE, *away)),
        ("What does not", (prose.STAYS_AT_A_SITE, *aside, *pooled, prose.DRAWN)),
        ("What is not guaranteed", (left_open(results), prose.LEAKS)),
    )
    listed = (_listed(title, lines) for title, lines in columns)
    where = prose.BETWEEN_HOSPITALS if results.get("between_hospitals") else prose.REHEARSAL
    left = results.get("left") or ()
    gone = [words("p", prose.LEFT.format(sites=", ".join(left)))] if left else []
    machines = [
        words("p", prose.MACHINE.format(site=site["name"], settings=_settings_of(site["machine"])))
        for site in results.get("sites") or ()
        if "machine" in site
    ]
    columns_ = element("div", *listed, class_="privacy")
    return join([words("p", where), *gone, *machines, protections_table(results), columns_])


def _settings_of(own: Json) -> str:
    return ", ".join(f"{key} = {value}" for key, value in own.items())


def _listed(title: str, lines: Sequence[str]) -> Html:
    listed = element("ul", *(words("li", line) for line in lines))
    return element("div", words("h3", title), listed)


def settings_part(results: Json) -> Html:
    """Return seeds, versions and machine."""
    return records.environment_table(results)


def beside_part(beside: Json) -> Html:
    """Return the figures of another run, which was not made here."""
    settings = ", ".join(
        f"{key} unset" if value is None else f"{key} = {json.dumps(value)}"
        for key, value in beside["settings"].items()
    )
    measured = prose.BESIDE.format(
        version=beside["version"], system=beside["system"], settings=settings
    )
    return join([nothing(measured), tables.arms_table(beside)])
