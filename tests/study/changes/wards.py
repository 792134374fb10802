"""Three training sites and one outside, with notes whose ids and patients are numbered alike."""

from collections.abc import Mapping
from dataclasses import replace

from fedmedlora.clinical.notes import Entity, Labels, Note, Relation, SiteNotes
from fedmedlora.study.change import Site, Sites, change_kinds

LABELS = Labels(("problem", "drug", "severity"), ("severity", "treats"))
TEXT = "Severe pain. Aspirin."
SPLITS = {"train": 12, "dev": 4, "test": 5}


def note(site: str, id_: str) -> Note:
    entities = (
        Entity("T1", "severity", 0, 6),
        Entity("T2", "problem", 7, 11),
        Entity("T3", "drug", 13, 20),
    )
    relations = (Relation("severity", "T2", "T1"), Relation("treats", "T3", "T2"))
    return Note(id_, site, TEXT, entities, relations, patient="7")


def ward(name: str, splits: Mapping[str, int] = SPLITS, **entry: object) -> Site:
    ids = iter(range(100))
    notes = {
        split: tuple(note(name, f"n{next(ids)}") for _ in range(number))
        for split, number in splits.items()
    }
    return Site(SiteNotes(name, LABELS, public=True, splits=notes), entry)


def wards() -> Sites:
    sites = [ward("a", max_notes=3), ward("b", role="train"), ward("c"), ward("d", role="external")]
    return {site.notes.name: site for site in sites}


def private(site: Site) -> Site:
    return replace(site, notes=replace(site.notes, public=False))


def annotating(site: Site, labels: Labels) -> Site:
    return replace(site, notes=replace(site.notes, labels=labels))


def changed(before: Sites, kind: str, /, **settings: object) -> Sites:
    one = change_kinds()[kind]
    return one.apply(before, one.settings(**settings))


def ids(site: Site, split: str) -> list[str]:
    return sorted(one.id for one in site.notes.splits[split])
