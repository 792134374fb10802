"""The page of `extract`: what an adapter found, drawn into notes that nobody annotated."""

from fedmedlora.clinical.labels import MAIN_TYPES
from fedmedlora.clinical.notes import Entity, Note
from fedmedlora.errors import Fault
from fedmedlora.formats.note_format import Files, NoteFormat
from fedmedlora.reporting.absences import lost_in_words
from fedmedlora.reporting.arms import Json
from fedmedlora.reporting.markup import NOTHING, Html, element, join, words
from fedmedlora.reporting.notes import drawn_note, legend_of_types
from fedmedlora.reporting.page import framed

_FILE = "notes.html"
_REMARK = "A model wrote these marks. It misses entities and invents some: check what matters."


def extraction_page(origin: str) -> NoteFormat:
    """Return one page of all notes, to be written as they come.

    Args:
        origin: Which adapter read them, in words.
    """
    header = element(
        "header",
        words("h1", "What was found"),
        words("p", f"Read by {origin}."),
        words("p", _REMARK),
    )
    # No text of a page holds it: nothing unprintable is let through.
    place = Html("\x00")
    article = element("article", header, legend_of_types(), place, class_="extraction")
    before, _, behind = framed("What was found", article).partition(place)
    return NoteFormat(
        lambda note: _files(_drawn(note)),
        head=_files(before),
        tail=_files(behind),
        unread=lambda fault: _files(_said(fault)),
    )


def _files(content: str) -> Files:
    return {_FILE: content.encode()}


def _said(fault: Fault) -> Html:
    found = f"Note {fault.where} was not read: found {fault.found}, expected {fault.expected}."
    return words("p", found)


def _drawn(note: Note) -> Html:
    lost = note.lost or {}
    said = words("p", lost_in_words(lost)) if lost else NOTHING
    return join([drawn_note(_predicted(note)), said])


def _predicted(note: Note) -> Json:
    """Return a note as the report draws it: a tail is what it is to its head."""
    entities = {entity.id: entity for entity in note.entities}
    main = [_span(entity, entity.type) for entity in note.entities if entity.type in MAIN_TYPES]
    links = [
        {
            "head": _span(entities[one.head], entities[one.head].type),
            "tail": _span(entities[one.tail], one.type),
        }
        for one in note.relations
    ]
    predicted = {"entities": main, "links": links}
    return {"note_id": note.id, "text": note.text, "predicted": predicted}


def _span(entity: Entity, type_: str) -> Json:
    return {"start": entity.start, "end": entity.end, "type": type_}
