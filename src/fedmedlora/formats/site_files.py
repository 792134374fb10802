"""The files of a site as bytes, to notes and back; no disk here."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fedmedlora.clinical.labels import ENTITY_TYPES, MAIN_TYPES, RELATION_TYPES
from fedmedlora.clinical.notes import Labels, Note, SiteNotes
from fedmedlora.errors import Fault, InputError
from fedmedlora.formats.fields import announced_fields, field_faults
from fedmedlora.formats.json_shape import (
    id_of,
    json_lines,
    json_object,
    kind_of,
    length_of,
    placed,
    shape_faults,
)
from fedmedlora.formats.note_faults import note_faults, text_at, type_faults
from fedmedlora.formats.note_records import note_of, record_of
from fedmedlora.sites import is_site_name

SPLITS = ("train", "dev", "test", "extra")
DESCRIPTION = "site.json"

_KEYS: dict[str, type] = {"site": str, "entities": list, "relations": list}


def notes_file(split: str) -> str:
    """Return the name of the file that holds a split."""
    return f"{split}.jsonl"


def parse_site(
    folder: Path, files: Mapping[str, bytes | Fault], *, required: Sequence[str] = ()
) -> SiteNotes:
    """Return the site that some files hold.

    Args:
        folder: Where the files stand, for the faults.
        files: Name to content of each file there is, or to the fault in reading it.
        required: The splits that must be there and hold a note.

    Raises:
        InputError: Anything is wrong; holds every fault of every file.
    """
    faults = list(_unread(folder, files, required))
    contents = {name: content for name, content in files.items() if isinstance(content, bytes)}
    description, description_faults = _description(contents, folder / DESCRIPTION)
    faults += description_faults
    first_places: dict[str, str] = {}
    splits = {}
    for split in SPLITS:
        if (content := contents.get(notes_file(split))) is None:
            continue
        place = str(folder / notes_file(split))
        notes, split_faults = _notes(content, place, description, first_places)
        faults += split_faults
        if split in required and not notes and not split_faults:
            faults.append(Fault(place, "no note", "at least one note"))
        splits[split] = notes
    if faults:
        raise InputError(faults)
    return SiteNotes(
        description["site"],
        _labels(description),
        description.get("public", False),
        splits,
        description.get("fields", {}),
    )


def render_site(site: SiteNotes, meta: Mapping[str, object]) -> dict[str, bytes]:
    """Return the files of a site, name to content; the same notes give the same bytes."""
    description = {
        "site": site.name,
        **site.labels.told(),
        "public": site.public,
        **({"fields": dict(site.fields)} if site.fields else {}),
    }
    taken = sorted(set(description) & set(meta)) + sorted(set(site.splits) - set(SPLITS))
    if taken:
        raise ValueError(f"{taken}: neither a free key of {DESCRIPTION} nor one of {SPLITS}")
    files = {DESCRIPTION: _json({**description, **meta}, indent=1)}
    for split in SPLITS:
        if split in site.splits:
            files[notes_file(split)] = b"".join(_json(record_of(n)) for n in site.splits[split])
    return files


def site_digest(site: SiteNotes) -> str:
    """Return the sha256 of a site's files as `render_site` gives them, without further keys."""
    files = render_site(site, {})
    # Each file's own digest first, so that no note can move to the next file unseen.
    parts = [hashlib.sha256(files[name]).hexdigest() + name for name in sorted(files)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _unread(
    folder: Path, files: Mapping[str, bytes | Fault], required: Sequence[str]
) -> Iterator[Fault]:
    """Yield a fault for each file that could not be read, or is needed and not there."""
    needed = {DESCRIPTION, *map(notes_file, required)}
    for name in (DESCRIPTION, *map(notes_file, SPLITS)):
        content = files.get(name)
        if isinstance(content, Fault):
            yield content
        elif content is None and name in needed:
            yield Fault(str(folder / name), "no such file", "a file of the site")


def _description(contents: Mapping[str, bytes], path: Path) -> tuple[dict[str, Any], list[Fault]]:
    """Return what `site.json` says, {} where it cannot be read, and its faults."""
    if path.name not in contents:
        return {}, []
    description, faults = json_object(contents[path.name], _KEYS, str(path))
    return description, [*faults, *placed(_description_faults(description), str(path))]


def _description_faults(description: Mapping[str, Any]) -> Iterator[Fault]:
    name = text_at(description, "site")
    if name is not None and not is_site_name(name):
        expected = "1 to 63 of a-z, 0-9, _ and -, the first a letter or digit"
        yield Fault("site", length_of(name), expected)
    if "public" in description:
        yield from shape_faults(description, {"public": bool})
    for key, known in (("entities", ENTITY_TYPES), ("relations", RELATION_TYPES)):
        yield from _list_faults(description.get(key), key, known)
    yield from _heads_faults(description)
    fields = description.get("fields", {})
    yield from field_faults(fields)
    if description.get("entities") == [] and not fields and not description.get("heads"):
        advice = 'or announce under "fields" what stands beside the texts'
        yield Fault("entities", "an empty list", "the types that the site annotates", advice)


def _heads_faults(description: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield what is wrong with the types that are given to relations alone."""
    heads, entities = description.get("heads", []), description.get("entities")
    yield from shape_faults({"heads": heads}, {"heads": list})
    yield from _list_faults(heads, "heads", MAIN_TYPES)
    if heads and description.get("relations") == []:
        yield Fault("relations", "an empty list", "what belongs to the types under heads")
    if isinstance(heads, list) and isinstance(entities, list):
        for index, type_ in enumerate(heads):
            if type_ in entities:
                found = f"the type of entities[{entities.index(type_)}] too"
                advice = "list it under heads where it is not marked in every note"
                yield Fault(f"heads[{index}]", found, "it in one of both lists", advice)


def _list_faults(types: object, key: str, known: Sequence[str]) -> Iterator[Fault]:
    """Yield what is wrong with a list of types."""
    if not isinstance(types, list):
        return
    for index, type_ in enumerate(types):
        path = f"{key}[{index}]"
        if not isinstance(type_, str):
            yield Fault(path, kind_of(type_), "a type of the guideline")
            continue
        yield from type_faults(type_, path, known=known, announced=known)
        if type_ in types[:index]:
            found = f"the type of {key}[{types.index(type_)}] again"
            yield Fault(path, found, "each type once")


def _labels(description: Mapping[str, Any]) -> Labels:
    """Return the types that a site announces.

    Where it does not say, all of them: a note is not blamed for a fault of `site.json`.
    """
    return Labels(
        _texts(description.get("entities"), ENTITY_TYPES),
        _texts(description.get("relations"), RELATION_TYPES),
        _texts(description.get("heads"), ()),
    )


def _texts(values: object, default: tuple[str, ...]) -> tuple[str, ...]:
    if not isinstance(values, list):
        return default
    return tuple(value for value in values if isinstance(value, str))


def _notes(
    content: bytes, place: str, description: Mapping[str, Any], first_places: dict[str, str]
) -> tuple[tuple[Note, ...], list[Fault]]:
    """Return the notes of a split, and its faults.

    Args:
        content: The split's file.
        place: Its path, for the faults.
        description: What `site.json` says.
        first_places: Note id to where it stands, for the whole site; grows.
    """
    site, labels = text_at(description, "site"), _labels(description)
    fields = announced_fields(description.get("fields", {}))
    notes: list[Note] = []
    faults: list[Fault] = []
    for line in json_lines(content, place):
        if isinstance(line, Fault):
            faults.append(line)
            continue
        line_place = f"{place}:{line.number}"
        line_faults = note_faults(line.value, site=site, labels=labels, fields=fields)
        line_faults += _repeated_id(text_at(line.value, "id"), line_place, first_places)
        faults += placed(line_faults, line_place)
        if isinstance(line.value, dict) and not line_faults:
            notes.append(note_of(line.value, fields))
    return tuple(notes), faults


def _repeated_id(id_: str | None, place: str, first_places: dict[str, str]) -> Iterable[Fault]:
    if id_ is None:
        return []
    first = first_places.setdefault(id_, place)
    if first == place:
        return []
    return [Fault("id", f"{id_of(id_)}, the id of the note at {first} too", "an id of its own")]


def _json(value: object, *, indent: int | None = None) -> bytes:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    # A lone surrogate is let through here so that reading back refuses it with its place.
    return (text + "\n").encode("utf-8", "surrogatepass")
