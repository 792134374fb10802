"""n2c2 2018, track 2 (drugs and what they did): files as BRAT's, in the words of that task.

Its relations go from what is told of a drug to the drug, ours from the drug. Both its Reason and
its ADE are our problem: which one a problem becomes is seen from its relations, `treats` or
`adverse_effect` of a drug. What the task has no word for keeps ours: a problem without such a
relation, other types, relations of other heads. Lacks what BRAT lacks.

Source: Henry et al., 2018 n2c2 shared task on adverse drug events (JAMIA 27(1), 2020).
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from fedmedlora.clinical.notes import Note, Relation
from fedmedlora.formats import standoff
from fedmedlora.formats.note_format import Files, NoteFormat, Reading

_DETAILS = {
    "dosage": "Dosage",
    "duration": "Duration",
    "form": "Form",
    "frequency": "Frequency",
    "route": "Route",
    "strength": "Strength",
}
_PROBLEMS = {"treats": "Reason", "adverse_effect": "ADE"}
_TO_DRUG = "-Drug"


def _render(note: Note) -> Files:
    return standoff.render(_in_their_words(note))


def _read(source: Path) -> Reading:
    for item in standoff.read(source):
        yield _from_the_drug(item) if isinstance(item, Note) else item


def _in_their_words(note: Note) -> Note:
    types = {entity.id: entity.type for entity in note.entities}
    names = [_name(relation, types) for relation in note.relations]
    named = zip(note.relations, names, strict=True)
    # Of a problem that is both, one name is enough: its relations say both.
    problems = {r.tail: name for r, name in named if name and name in _PROBLEMS.values()}
    words = {"drug": "Drug", **_DETAILS}
    entities = [
        replace(e, type=problems.get(e.id, words.get(e.type, e.type))) for e in note.entities
    ]
    relations = [
        Relation(f"{name}{_TO_DRUG}", r.tail, r.head) if name else r
        for r, name in zip(note.relations, names, strict=True)
    ]
    return replace(note, entities=tuple(entities), relations=tuple(relations))


def _name(relation: Relation, types: Mapping[str, str]) -> str | None:
    """Return what the task calls the tail of a relation; None where it has no such relation."""
    if types[relation.head] != "drug":
        return None
    is_problem = types[relation.tail] == "problem"
    return (_PROBLEMS if is_problem else _DETAILS).get(relation.type)


def _from_the_drug(note: Note) -> Note:
    relations = [
        Relation(r.type, r.tail, r.head) if r.type.endswith(_TO_DRUG) else r for r in note.relations
    ]
    return replace(note, relations=tuple(relations))


def _types() -> dict[str, str]:
    words = {theirs: ours for ours, theirs in _DETAILS.items()}
    relations = {theirs: ours for ours, theirs in {**_DETAILS, **_PROBLEMS}.items()}
    return {
        "Drug": "drug",
        **words,
        **dict.fromkeys(_PROBLEMS.values(), "problem"),
        **{f"{theirs}{_TO_DRUG}": ours for theirs, ours in relations.items()},
    }


FORMAT = NoteFormat(_render, _read, types=_types(), lacks=("patients", "fields"))
