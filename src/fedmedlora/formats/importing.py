"""Notes in another format, as a site: types put as ours, splits as found or dealt.

The same source gives the same site, note by note: who is dealt to `dev` follows from the patient,
or the note's id, alone. What is not ours is left out and counted, never in silence.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from fedmedlora.clinical.labels import CROSS_RELATIONS, ENTITY_TYPES, MAIN_TYPES, RELATION_TYPES
from fedmedlora.clinical.notes import Labels, Note, Relation, SiteNotes
from fedmedlora.errors import Fault, InputError
from fedmedlora.formats.json_shape import id_of, length_of
from fedmedlora.formats.note_format import LeftOut, NoteFormat
from fedmedlora.formats.source_splits import parts_by_split
from fedmedlora.sites import is_site_name

DEV_SHARE = 0.1
"""Of the patients, where a source has no `dev` of its own."""

# What a tool would call a type; anything else could be text of a note.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_./-]{0,39}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Imported:
    """A site that was read.

    Attributes:
        left_out: What is not in it, in the plural, to how many.
        dealt: Whether `dev` was dealt.
    """

    site: SiteNotes
    left_out: Mapping[str, int]
    dealt: bool


@dataclass(slots=True)
class _Source:
    """What was read of a source so far."""

    notes: dict[str, list[Note]] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)


def import_site(
    source: Path, format_: NoteFormat, *, name: str | None, types: Mapping[str, str]
) -> Imported:
    """Return the site that a source holds.

    Args:
        name: What the site is called; None takes it from the notes or else from the source.
        types: What a type of the source is called here, beside what its format knows of itself.

    Raises:
        InputError: Anything is wrong; holds every fault of the source.
    """
    found = _read(source, format_, types)
    notes = [note for some in found.notes.values() for note in some]
    name, labels = name or _name(notes, source), _labels(notes, types)
    faults = [*_type_faults(types), *found.faults, *_id_faults(notes, source), *_name_faults(name)]
    if faults := faults or [*_emptiness(source, labels, found)]:
        raise InputError(faults)
    splits = found.notes if "dev" in found.notes else _dealt(found.notes)
    named = {
        split: tuple(replace(note, site=name) for note in some) for split, some in splits.items()
    }
    site = SiteNotes(name, labels, public=False, splits=named)
    return Imported(site, dict(sorted(found.left_out.items())), dealt={*splits} != {*found.notes})


def _read(source: Path, format_: NoteFormat, types: Mapping[str, str]) -> _Source:
    found = _Source()
    parts, num_beside = parts_by_split(source)
    if num_beside:
        found.left_out["files and folders beside the splits"] = num_beside
    for split, paths in parts.items():
        found.notes[split] = []
        for path in paths:
            _take(path, format_, {**format_.types, **types}, split, found)
    return found


def _emptiness(source: Path, labels: Labels, found: _Source) -> Iterator[Fault]:
    """Yield a fault for a source without notes, or without an annotation of ours."""
    if not any(found.notes.values()):
        yield Fault(str(source), "no note", "notes in the format that was named")
    elif not labels.entities:
        there = ", ".join(what for what in found.left_out if what.startswith("entities"))
        expected = f"one of {', '.join(ENTITY_TYPES)}"
        yield Fault(str(source), there or "no entity", expected, "map theirs with --map")


def _name_faults(name: str) -> Iterator[Fault]:
    if not is_site_name(name):
        expected = "1 to 63 of a-z, 0-9, _ and -, the first a letter or digit"
        yield Fault("the site's name", length_of(name), expected, "use --site")


def _type_faults(types: Mapping[str, str]) -> Iterator[Fault]:
    known = sorted({*ENTITY_TYPES, *RELATION_TYPES})
    for ours in types.values():
        if ours not in known:
            yield Fault("--map", f"'{ours}'", f"one of {', '.join(known)}")


def _take(
    path: Path, format_: NoteFormat, types: Mapping[str, str], split: str, found: _Source
) -> None:
    for item in format_.read(path) if format_.read else ():
        if isinstance(item, Fault):
            found.faults.append(item)
        elif isinstance(item, LeftOut):
            found.left_out[item.what] += 1
        else:
            found.notes[split].append(_in_our_words(item, types, found.left_out))


def _in_our_words(note: Note, types: Mapping[str, str], left_out: Counter[str]) -> Note:
    entities = [replace(e, type=types.get(e.type, e.type)) for e in note.entities]
    left_out.update(f"entities of type {_shown(e.type)}" for e in entities if not _is_ours(e.type))
    entities = [entity for entity in entities if _is_ours(entity.type)]
    kinds = {entity.id: entity.type for entity in entities}
    relations = []
    for relation in note.relations:
        named = replace(relation, type=types.get(relation.type, relation.type))
        if reason := _reason_against(named, kinds):
            left_out[reason] += 1
        else:
            relations.append(named)
    return replace(note, entities=tuple(entities), relations=tuple(relations))


def _is_ours(type_: str) -> bool:
    return type_ in ENTITY_TYPES


def _reason_against(relation: Relation, kinds: Mapping[str, str]) -> str | None:
    """Return what a relation that is not ours is counted as; None for one that is."""
    if relation.type not in RELATION_TYPES:
        return f"relations of type {_shown(relation.type)}"
    if relation.head not in kinds or relation.tail not in kinds:
        return "relations of an entity that is left out"
    head, tail = kinds[relation.head], kinds[relation.tail]
    fitting = MAIN_TYPES if relation.type in CROSS_RELATIONS else (relation.type,)
    if head in MAIN_TYPES and tail in fitting:
        return None
    return f"relations {relation.type} from {head} to {tail}"


def _shown(type_: str) -> str:
    return type_ if _NAME.fullmatch(type_) else f"that is {length_of(type_)}"


def _id_faults(notes: Sequence[Note], source: Path) -> Iterator[Fault]:
    counted = Counter(note.id for note in notes)
    for id_, number in counted.items():
        if number > 1:
            yield Fault(str(source), f"{number} notes with {id_of(id_)} for id", "an id for each")


def _name(notes: Sequence[Note], source: Path) -> str:
    """Return what the notes say their site is, if they agree, or else what the source is called."""
    names = {note.site for note in notes}
    return next(iter(names)) if len(names) == 1 and "" not in names else source.resolve().stem


def _dealt(notes: Mapping[str, Sequence[Note]]) -> dict[str, Sequence[Note]]:
    """Return the splits with a `dev` out of `train`: a share of the patients, one at least."""
    draws = sorted({_draw(note) for note in notes["train"]})
    if len(draws) <= 1:
        return {**notes}
    # One patient at least for each of the two.
    limit = min(max(DEV_SHARE, draws[0]), draws[-2])
    return {
        **notes,
        "train": [note for note in notes["train"] if _draw(note) > limit],
        "dev": [note for note in notes["train"] if _draw(note) <= limit],
    }


def _draw(note: Note) -> float:
    """Return a number of 0 to 1 that the patient alone decides, or the note where none is named."""
    digest = hashlib.sha256((note.patient or note.id).encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64


def _labels(notes: Sequence[Note], types: Mapping[str, str]) -> Labels:
    """Return the types that occur; an entity's type also where it was only named."""
    entities = {entity.type for note in notes for entity in note.entities} | {*types.values()}
    relations = {relation.type for note in notes for relation in note.relations}
    return Labels(
        tuple(type_ for type_ in ENTITY_TYPES if type_ in entities),
        tuple(type_ for type_ in RELATION_TYPES if type_ in relations),
    )
