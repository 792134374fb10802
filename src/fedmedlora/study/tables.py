"""The tables of a study: Markdown for people, one CSV with every figure."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import astuple

from fedmedlora.reporting.arms import title
from fedmedlora.study.comparing import Estimate
from fedmedlora.study.findings import Findings
from fedmedlora.study.lines import Line
from fedmedlora.study.schema import Setting, Study
from fedmedlora.study.tuning import Tried
from fedmedlora.study.verdicts import Verdict

ASKED = "What it must show"
ASKED_HEAD = ("setting", "asked", "found", "")
BESIDE = "Beside the papers"
BESIDE_HEAD = ("setting", "what", "papers", "here")
OTHER_NOTES = (
    "The papers' figures are of other notes, other models and, where it says so, another task: "
    "they say in which order of size a gain was found, not what it should be here."
)
NONE = "-"
"""Stands where there is no figure."""
CHOSEN = (
    "Strict F1 of entities on dev notes, mean over training sites, of the round that was kept: "
    "what each arm's trials came to, and which is taken over. Test notes took no part."
)
SCREENING = "one seed, to see what is far off, not to be quoted."
_READING = (
    "Strict F1 in points; brackets are 95 % intervals over notes (paired where it is a difference, "
    "{replicates} draws), `seeds` the figure of each seed; MB both ways, all rounds; seconds of "
    "one core."
)
_HEAD = (
    "arm",
    "entities, mean of sites",
    "seeds",
    "lowest site",
    "H-mean",
    "outside",
    "relations, heads given",
    "against {reference}",
    "p (Holm)",
    "MB",
    "s",
)


def markdown(found: Findings) -> str:
    """Return all tables of a study."""
    study = found.study
    blocks = [f"# {study.name}", _READING.format(replicates=study.replicates)]
    if found.verdicts:
        blocks += [f"## {ASKED}", table(ASKED_HEAD, map(asked_cells, found.verdicts))]
    if found.beside:
        blocks += [f"## {BESIDE}", OTHER_NOTES, table(BESIDE_HEAD, map(astuple, found.beside))]
    for setting in study.settings:
        if lines := found.lines[setting.name]:
            blocks += list(_setting(study, setting, lines))
        elif trials := found.trials.get(setting.name):
            chosen = [
                [f"**{cell}**" if bold else cell for cell, bold in row]
                for row in trial_rows(setting, trials)
            ]
            blocks += [f"## {setting.title}", CHOSEN, table(trial_head(setting), chosen)]
    return "\n\n".join(blocks) + "\n"


def trial_head(setting: Setting) -> list[str]:
    """Return what the columns of `trial_rows` are called."""
    return ["arm", *(variant.name for variant in setting.variants)]


def trial_rows(setting: Setting, trials: Sequence[Tried]) -> Iterable[list[tuple[str, bool]]]:
    """Yield each arm's title and the score of each of its trials, and which is taken over."""
    for one in trials:
        scores = [
            (_of_dev(one.scores.get(variant.name)), variant.name == one.chosen)
            for variant in setting.variants
        ]
        yield [(title(one.arm), False), *scores]


def _of_dev(score: float | None) -> str:
    return NONE if score is None else f"{100 * score:.1f}"


def _setting(study: Study, setting: Setting, lines: Sequence[Line]) -> Iterable[str]:
    yield f"## {setting.title}"
    if setting.screening:
        yield f"**A screening**: {SCREENING}"
    for variant in setting.variants:
        own = [line for line in lines if line.variant.name == variant.name]
        if not own:
            continue
        if len(setting.variants) > 1:
            yield f"### {variant.name}"
        yield table(head(study), [cells(study, line) for line in own])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def asked_cells(verdict: Verdict) -> list[str]:
    """Return the row of one thing that a study must show."""
    met = "met" if verdict.is_met else "**not met**"
    return [verdict.setting, verdict.asked, verdict.found, met]


def head(study: Study) -> list[str]:
    """Return what the columns of `cells` are called."""
    return [one.format(reference=title(study.reference)) for one in _HEAD]


def cells(study: Study, line: Line) -> list[str]:
    """Return an arm's row, its title first."""
    outside = "; ".join(f"{site} {points(one)}" for site, one in line.outside.items())
    return [
        title(line.arm.name),
        with_interval(line.mean),
        " ".join(f"{100 * one:.1f}" for one in line.mean.of_seeds) if line.mean else NONE,
        points(line.lowest),
        points(line.harmonic),
        outside or NONE,
        points(line.relations),
        with_interval(line.gains.get(study.reference), sign="+"),
        NONE if line.p is None else f"{line.p:.3f}",
        f"{line.arm.bytes_sent / 1e6:.0f}",
        f"{line.arm.seconds:.0f}",
    ]


def points(estimate: Estimate | None, *, sign: str = "") -> str:
    """Return a figure in points."""
    return NONE if estimate is None else f"{100 * estimate.value:{sign}.1f}"


def with_interval(estimate: Estimate | None, *, sign: str = "") -> str:
    """Return a figure in points with its interval."""
    if estimate is None or estimate.ci95 is None:
        return points(estimate, sign=sign)
    low, high = (f"{100 * bound:{sign}.1f}" for bound in estimate.ci95)
    return f"{points(estimate, sign=sign)} [{low}, {high}]"


def as_csv(found: Findings) -> str:
    """Return every figure of a study in long form: one row each."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(
        ["setting", "variant", "x", "arm", "figure", "value", "low", "high", "p", "seeds"]
    )
    for setting, trials in found.trials.items():
        for trial in trials:
            for variant, score in trial.scores.items():
                told = [setting, variant, "", trial.arm, "dev", _six(score)]
                writer.writerow([*told, "", "", "", ""])
    for lines in found.lines.values():
        for line in lines:
            own = [line.setting, line.variant.name, line.variant.x, line.arm.name]
            for figure, one in _figures(line).items():
                bounds = one.ci95 or (None, None)
                seeds = " ".join(f"{each:.6f}" for each in one.of_seeds)
                numbers = map(_six, (one.value, *bounds, one.p))
                writer.writerow([*own, figure, *numbers, seeds])
            alone = {"p_holm": _six(line.p), "bytes_sent": f"{line.arm.bytes_sent:.0f}"}
            for figure, text in alone.items():
                writer.writerow([*own, figure, text, "", "", "", ""])
    return file.getvalue()


def _figures(line: Line) -> dict[str, Estimate]:
    named = {
        "mean": line.mean,
        "min": line.lowest,
        "harmonic_mean": line.harmonic,
        "relations_mean": line.relations,
        "problem_mean": line.problem,
        **{f"site:{site}": one for site, one in line.by_site.items()},
        **{f"gain:{against}": one for against, one in line.gains.items()},
    }
    return {name: one for name, one in named.items() if one}


def _six(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"
