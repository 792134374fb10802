"""Extraction: what an adapter finds in notes that nobody annotated."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fedmedlora import bundled
from fedmedlora.cli.answers import answer
from fedmedlora.clinical.labels import CROSS_RELATIONS, MAIN_TYPES, RELATION_TYPES
from fedmedlora.clinical.notes import Labels, Note
from fedmedlora.engines.sources import Source, open_source
from fedmedlora.errors import Fault, InputError
from fedmedlora.evaluation.cohorts import Cohort
from fedmedlora.reporting.absences import lost_in_words
from fedmedlora.reporting.extraction import render_extraction

_STDIN = Path("-")
_SITE = "notes"
_CAUTION = "the adapter of this package, which learnt from invented notes: not for clinical use"

_Key = tuple[int, int, str]


def extract(options: argparse.Namespace) -> int:
    """Print what an adapter finds in some notes, as notes with annotations."""
    adapter, files = _told_apart(options.source, options.files)
    # Before a model is loaded: a file that is not there should not take a minute to be told.
    texts = dict(_texts([*dict.fromkeys(files)]))
    source = open_source(adapter, arm=options.arm)
    origin = f"{source.origin}: {_CAUTION}" if adapter == bundled.ADAPTER else source.origin
    found = _predictions(source, texts)
    sys.stderr.write(f"read by {origin}\n")
    lost = sum((Counter(note["lost"]) for note in found), Counter())
    if lost:
        sys.stderr.write(f"{lost_in_words(lost)}\n")
    whole = {"origin": origin, "notes": [_document(note) for note in found]}
    answer(options, whole, _lines(options.format, whole, found))
    return 0


def _told_apart(first: Path | None, others: Sequence[Path]) -> tuple[Path, Sequence[Path]]:
    """Return the adapter and the notes: what comes first is an adapter if it is a folder."""
    if first is None:
        return bundled.ADAPTER, [_STDIN]
    if first.is_dir() or first == bundled.ADAPTER:
        return first, others or [_STDIN]
    return bundled.ADAPTER, [first, *others]


def _lines(
    format_: str, whole: Mapping[str, Any], found: Sequence[Mapping[str, Any]]
) -> Iterable[str]:
    if format_ == "html":
        return [render_extraction(whole["origin"], found).removesuffix("\n")]
    if format_ == "jsonl":
        return map(_as_json, whole["notes"])
    return [_as_json(whole, indent=1)]


def _texts(files: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each file."""
    faults = []
    for file in files:
        try:
            yield str(file), _text(file)
        except OSError as error:
            advice = "a run or an adapter is a folder and comes first"
            faults.append(Fault(str(file), str(error.strerror), "a note, or - for stdin", advice))
        except UnicodeDecodeError:
            found, expected = "bytes that are no UTF-8", "a note as UTF-8 text"
            advice = "convert it, as with iconv -f latin1 -t utf-8"
            faults.append(Fault(str(file), found, expected, advice))
    if faults:
        raise InputError(faults)


def _text(file: Path) -> str:
    content = sys.stdin.buffer.read() if file == _STDIN else file.read_bytes()
    return content.decode("utf-8")


def _predictions(source: Source, texts: Mapping[str, str]) -> list[dict[str, Any]]:
    entities = tuple(type_ for type_ in MAIN_TYPES if type_ in source.types)
    relations = tuple(type_ for type_ in RELATION_TYPES if type_ in source.types)
    cohort = Cohort(
        name=_SITE,
        role="external",
        labels=Labels(entities, relations),
        public=True,
        train=(),
        held_out=(),
        dev=(),
        final=tuple(Note(name, _SITE, text, (), ()) for name, text in texts.items()),
        final_split="test",
        sha256="",
    )
    engine = source.engine({_SITE: cohort})
    return engine.predictions(source.adapter, _SITE, "final", limit=len(texts))


def _document(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return a note in the shape of a site's files, with what was lost of it."""
    text, predicted = found["text"], found["predicted"]
    main = sorted(_key(span) for span in predicted["entities"])
    links = [
        (link["tail"]["type"], _key(link["head"]), _tail(_key(link["tail"]), main))
        for link in predicted["links"]
    ]
    keys = sorted({*main, *(tail for _, _, tail in links)})
    ids = {key: f"T{number}" for number, key in enumerate(keys, start=1)}
    return {
        "id": found["note_id"],
        "text": text,
        "entities": [
            {"id": ids[key], "type": key[2], "start": key[0], "end": key[1]}
            | {"text": text[key[0] : key[1]]}
            for key in keys
        ],
        "relations": [
            {"type": type_, "head": ids[head], "tail": ids[tail]} for type_, head, tail in links
        ],
        "lost": found["lost"],
    }


def _tail(tail: _Key, main: Sequence[_Key]) -> _Key:
    """Return the entity a relation ends at: for one between main entities, the nearest to it.

    Where none was found there, it is a problem: what treats, causes and adverse effects lead to.
    """
    start, end, type_ = tail
    if type_ not in CROSS_RELATIONS:
        return tail
    overlaps = [(min(end, last) - max(start, first), (first, last, t)) for first, last, t in main]
    most, entity = max(overlaps, default=(0, tail))
    return entity if most > 0 else (start, end, "problem")


def _key(span: Mapping[str, Any]) -> _Key:
    return span["start"], span["end"], span["type"]


def _as_json(document: object, *, indent: int | None = None) -> str:
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=indent)
