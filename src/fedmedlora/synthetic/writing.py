"""One note of one hospital: a chart is opened, the layout's ideas are written one by one."""

import random
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from fedmedlora.clinical.notes import Note
from fedmedlora.synthetic.grammar import (
    Chart,
    Tables,
    draw,
    merged,
    read_cases,
    read_tables,
    sentence,
    thinned,
)
from fedmedlora.synthetic.layout import Hospital, Section
from fedmedlora.synthetic.pieces import Passage, compose, join
from fedmedlora.synthetic.vocabulary import GENERAL, PATIENTS

# A hospital writes a part of what could be written: parts of two hospitals overlap, as in life.
_SHARE_OF_PATTERNS = 0.7
_SHARE_OF_WORDS = 0.4
_CHANCE_OF_OPTIONAL = 0.5
_ADDED = frozenset({"symptom", "sign", "past", "test", "treatment", "drug", "when"})

_START = re.compile(r"(?:^|(?<=\. ))[a-z]")


def write_note(hospital: Hospital, *, seed: str, note_id: str, site: str) -> Note:
    """Return a note with all its annotations; the same seed gives the same note."""
    rng = random.Random(seed)  # noqa: S311 - notes are invented, not secret
    chart = _chart(hospital, rng)
    passages = [
        passage
        for section in rng.choice(hospital.layouts)
        for passage in _section(section, hospital.name, chart)
    ]
    whole = join(passages)
    return Note(note_id, site, whole.text.rstrip(), whole.entities, whole.relations)


def _chart(hospital: Hospital, rng: random.Random) -> Chart:
    case, own, everything = rng.choice(_stories(hospital))
    chart = Chart(everything, rng)
    # The thread of the story comes from the case itself: what treats this very diagnosis.
    for key, name, tables in (
        ("X", "patient", everything),
        ("P", "diagnosis", case),
        ("A", "drug", case),
        ("T", "treatment", case),
        ("S", "symptom", own),
    ):
        chart.bound[key] = draw(name, replace(chart, tables=tables))
    return chart


@cache
def _stories(hospital: Hospital) -> tuple[tuple[Tables, Tables, Tables], ...]:
    """Return the words of each case: its own, the hospital's, and everything it may draw from."""
    own, cases = read_cases(hospital.vocabulary)
    everywhere = thinned(read_tables(GENERAL), share=_SHARE_OF_WORDS, seed=hospital.name)
    general = {**read_tables(PATIENTS), **everywhere}
    return tuple((case, own, _with_general(merged(case, own), general)) for case in cases)


def _with_general(special: Tables, general: Tables) -> Tables:
    """Return all tables; where both have one, general words are added only to some."""
    added = {name: rows for name, rows in general.items() if name in _ADDED or name not in special}
    return merged(special, added)


@cache
def _patterns(manner: str, name: str) -> Tables:
    return thinned(read_tables(manner), share=_SHARE_OF_PATTERNS, seed=name)


def _section(section: Section, name: str, chart: Chart) -> Iterator[Passage]:
    """Yield the heading, then each sentence and what stands behind it."""
    patterns = replace(chart, tables=_patterns(section.manner, name))
    yield Passage(section.heading)
    decided = [_decided(idea, chart.rng) for idea in section.ideas.split()]
    ideas = [idea for idea in decided if idea]
    for number, idea in enumerate(ideas, start=1):
        marked = sentence(draw(idea, patterns)[idea][0], chart)
        passage = compose(marked)
        yield passage if section.capitals == "none" else _capitalised(passage)
        yield Passage(section.joint if number < len(ideas) else "\n")


def _decided(idea: str, rng: random.Random) -> str:
    """Return the idea to write: `a?` may be nothing, `a|b` is one of the two."""
    if idea.endswith("?") and rng.random() < _CHANCE_OF_OPTIONAL:
        return ""
    return rng.choice(idea.removesuffix("?").split("|"))


def _capitalised(passage: Passage) -> Passage:
    return replace(passage, text=_START.sub(lambda start: start[0].upper(), passage.text))
