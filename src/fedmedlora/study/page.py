"""The page of a study: one HTML file with every table and figure, setting by setting."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple

from fedmedlora.reporting.arms import title
from fedmedlora.reporting.markup import (
    Cell,
    Heading,
    Html,
    Rows,
    details,
    element,
    join,
    table,
    text,
    words,
)
from fedmedlora.reporting.page import contents, framed, section
from fedmedlora.reporting.quantities import UNDEFINED, show
from fedmedlora.study import tables
from fedmedlora.study.drawings.bytes_against_f1 import bytes_against_f1
from fedmedlora.study.drawings.looks import Looks, by_variant
from fedmedlora.study.drawings.over_rounds import new_site_over_rounds, over_rounds
from fedmedlora.study.drawings.over_x import over_x
from fedmedlora.study.drawings.shares_against_quality import shares_against_quality
from fedmedlora.study.drawings.site_by_site import site_by_site
from fedmedlora.study.findings import Findings
from fedmedlora.study.lines import Line
from fedmedlora.study.published import Beside
from fedmedlora.study.schema import Setting, Study
from fedmedlora.study.tuning import Tried
from fedmedlora.study.verdicts import Verdict

_READING = (
    "Strict F1 in points. Brackets and whiskers are 95 % intervals over notes, from {replicates} "
    "draws; the figures of the seeds stand beside them. Differences are paired, against "
    "{reference}, which was fixed before test notes were read, and their p is Holm's."
)


def page(found: Findings) -> str:
    """Return the page of a study; settings without a line are left out."""
    study = found.study
    parts = [("asked", tables.ASKED, _asked(found.verdicts))] if found.verdicts else []
    if found.beside:
        parts.append(("beside", tables.BESIDE, _beside(found.beside)))
    for setting in study.settings:
        if lines := found.lines[setting.name]:
            parts.append((setting.name, setting.title, _setting(study, setting, lines)))
        elif trials := found.trials.get(setting.name):
            parts.append((setting.name, setting.title, _trials(setting, trials)))
    header = element(
        "header",
        words("p", "Study", class_="kicker"),
        words("h1", study.name),
        words("p", _READING.format(replicates=study.replicates, reference=title(study.reference))),
    )
    article = element("article", header, contents(parts), *(section(*part) for part in parts))
    return framed(study.name, article)


def _trials(setting: Setting, trials: Sequence[Tried]) -> Html:
    first, *others = tables.trial_head(setting)
    headings = [Heading(first, figures=False), *map(Heading, others)]
    rows = [
        [Cell(words("strong", cell) if bold else text(cell)) for cell, bold in row]
        for row in tables.trial_rows(setting, trials)
    ]
    return join([words("p", tables.CHOSEN), table("What was tried", headings, [Rows(rows)])])


def _asked(found: Sequence[Verdict]) -> Html:
    rows = [[one.replace("*", "") for one in tables.asked_cells(verdict)] for verdict in found]
    return _in_words(tables.ASKED, tables.ASKED_HEAD, rows)


def _beside(theirs: Sequence[Beside]) -> Html:
    rows = [astuple(one) for one in theirs]
    told = words("p", tables.OTHER_NOTES)
    return join([told, _in_words(tables.BESIDE, tables.BESIDE_HEAD, rows)])


def _in_words(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> Html:
    headings = [Heading(one, figures=False) for one in head]
    return table(caption, headings, [Rows([[Cell(text(one)) for one in row] for row in rows])])


def _setting(study: Study, setting: Setting, lines: Sequence[Line]) -> Html:
    looks = Looks(study, lines)
    variants = by_variant(setting, lines)
    blocks = [words("p", _told(study, setting, variants)), over_x(study, setting, lines, looks)]
    for name, own in variants.items():
        drawn = [
            site_by_site(own),
            over_rounds(own, looks),
            new_site_over_rounds(own, looks),
            bytes_against_f1(own, looks),
            shares_against_quality(own, looks),
        ]
        if len(setting.variants) > 1:
            blocks += [words("h3", name), _table(study, f"Every arm, {name}", own, looks)]
            blocks.append(details(f"Figures of {name}", *drawn))
        else:
            blocks += [_table(study, "Every arm", own, looks), *drawn]
    return join(blocks)


def _told(study: Study, setting: Setting, variants: Mapping[str, Sequence[Line]]) -> str:
    """Return what was run, in sentences."""
    num_arms = len({line.arm.name for own in variants.values() for line in own})
    counts = {"arm": num_arms, "seed": len(setting.seeds), "variant": len(variants)}
    said = [f"{count} {name}{'s' * (count != 1)}" for name, count in counts.items()]
    sentences = [f"{', '.join(said)}, from {setting.experiment.name}."]
    if setting.tuned_by:
        trials = next(one for one in study.settings if one.name == setting.tuned_by)
        sentences.append(f"Each arm with what was best for it on dev notes in: {trials.title}.")
    if setting.screening:
        sentences.append(f"A screening: {tables.SCREENING}")
    return " ".join(sentences)


def _table(study: Study, caption: str, lines: Sequence[Line], looks: Looks) -> Html:
    first, *others = tables.head(study)
    headings = [Heading(first, figures=False), *map(Heading, others)]
    rows = [_row(tables.cells(study, line), looks.colour(line.arm.name)) for line in lines]
    return table(caption, headings, [Rows(rows)])


def _row(cells: Sequence[str], colour: str) -> list[Cell]:
    first, *others = (UNDEFINED if one == tables.NONE else one for one in cells)
    dot = element("span", class_=f"swatch {colour}", aria_hidden="true")
    return [Cell(join([dot, text(first)])), *(Cell(show(one)) for one in others)]
