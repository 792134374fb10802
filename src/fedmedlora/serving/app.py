"""The page's HTTP interface: readers, notes, corrections, the standing of a federation.

No text of a note is in an error or a log; what is wrong with a request is told by its place alone.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, TypeVar

from fastapi import FastAPI, HTTPException, Request
from fastapi import Path as InPath
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException as StarletteError

from fedmedlora import reporting
from fedmedlora.clinical.notes import Entity, Labels, Note, Relation
from fedmedlora.errors import FedMedLoRAError, InputError
from fedmedlora.formats.note_faults import note_faults
from fedmedlora.formats.note_records import record_of
from fedmedlora.serving import page, shapes
from fedmedlora.serving.federation import standing
from fedmedlora.serving.notebook import Notebook
from fedmedlora.serving.readers import BusyError, Reader, Turns

_TYPES = {
    "css": "text/css",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}
_MOST_PROBLEMS = 20
_PASTED = "pasted"

_NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"model": shapes.Problem}}
_BUSY: dict[int | str, dict[str, Any]] = {429: {"model": shapes.Problem}}
_WRONG: dict[int | str, dict[str, Any]] = {422: {"model": shapes.Problem}}

_T = TypeVar("_T")
NoteId = Annotated[str, InPath(min_length=1, max_length=500)]


@dataclass(frozen=True, slots=True)
class Served:
    """All that a page is about.

    Attributes:
        labels: What a person may mark.
        run: The run folder whose federation is shown; None shows none.
    """

    readers: Mapping[str, Reader]
    notebook: Notebook
    labels: Labels
    run: Path | None
    turns: Turns = field(default_factory=Turns)


def application(served: Served) -> FastAPI:
    """Return the application of a page, without the guard that stands before it."""
    # The pages that describe an interface by themselves load scripts of another host.
    app = FastAPI(title="Fed-MedLoRA", docs_url=None, redoc_url=None, responses=_WRONG)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(StarletteError, _refused)
    _add_desk(app, served)
    _add_notes(app, served)
    _add_files(app)
    return app


def _add_desk(app: FastAPI, served: Served) -> None:
    @app.get("/api/desk")
    def desk() -> shapes.Desk:
        """What this page can do."""
        return shapes.Desk(
            readers=[_reader_shape(reader) for reader in served.readers.values()],
            entities=list(served.labels.marked),
            relations=list(served.labels.relations),
            saves=served.notebook.kept is not None,
            federation=served.run is not None,
        )

    @app.post("/api/readings", responses=_NOT_FOUND | _BUSY)
    def read(question: shapes.Question) -> shapes.Reading:
        """What a reader finds in a text; nothing of it is kept."""
        reader = served.readers.get(question.reader)
        if reader is None:
            raise HTTPException(404, "no reader of that name")
        if not question.text.strip():
            raise HTTPException(422, "text: found white space alone, expected a note")
        began = time.monotonic()
        found = _or_refused(lambda: served.turns.read(reader, question.text))
        seconds = time.monotonic() - began
        return shapes.Reading(
            **_marks(found), reader=reader.name, lost=dict(found.lost or {}), seconds=seconds
        )

    @app.get("/api/federation", responses=_NOT_FOUND)
    def federation() -> dict[str, Any]:
        """How far the run is: numbers alone."""
        run = served.run
        if run is None:
            raise HTTPException(404, "this page shows no run")
        return _or_refused(lambda: standing(run))


def _add_notes(app: FastAPI, served: Served) -> None:
    notebook = served.notebook

    @app.get("/api/notes")
    def notes() -> list[shapes.NoteLine]:
        """The notes at hand."""
        corrected = _or_refused(notebook.corrected)
        return [
            shapes.NoteLine(id=id_, characters=len(note.text), corrected=id_ in corrected)
            for id_, note in _or_refused(notebook.notes).items()
        ]

    @app.get("/api/notes/{note_id:path}", responses=_NOT_FOUND)
    def note(note_id: NoteId) -> shapes.NoteShape:
        """One note, as it is kept or as it was corrected."""
        found = _or_refused(notebook.notes).get(note_id)
        if found is None:
            raise HTTPException(404, "no note of that id")
        is_corrected = note_id in _or_refused(notebook.corrected)
        return shapes.NoteShape(
            id=note_id, text=found.text, corrected=is_corrected, **_marks(found)
        )

    @app.put("/api/notes/{note_id:path}", responses=_NOT_FOUND)
    def correct(note_id: NoteId, correction: shapes.Correction) -> shapes.Saved:
        """Keep a note as a person says it is, as a training note."""
        if notebook.kept is None:
            raise HTTPException(404, "nothing is kept here; start `serve` with --save")
        note = _corrected(note_id, correction)
        faults = note_faults(record_of(note), site=None, labels=served.labels)
        if faults:
            raise HTTPException(422, [str(fault) for fault in faults])
        split = _or_refused(lambda: notebook.keep(note))
        return shapes.Saved(id=note_id, split=split)


def _add_files(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    def first() -> Response:
        return _file("index.html")

    @app.get("/page/{name}", include_in_schema=False)
    def of_the_page(name: str) -> Response:
        return _file(name)


def _file(name: str) -> Response:
    known = {file.name: file for file in files(page).iterdir()}
    # One style for all that people look at.
    known["report.css"] = files(reporting) / "style.css"
    kind = _TYPES.get(name.rpartition(".")[2])
    if name not in known or kind is None:
        raise HTTPException(404, "no such file")
    return Response(known[name].read_bytes(), media_type=kind)


def _reader_shape(reader: Reader) -> shapes.ReaderShape:
    return shapes.ReaderShape(
        name=reader.name,
        origin=reader.origin,
        caution=reader.caution,
        entities=list(reader.labels.entities),
        relations=list(reader.labels.relations),
    )


def _marks(note: Note) -> dict[str, Any]:
    """Return what is marked in a note, as the interface has it."""
    return {
        "entities": [
            shapes.EntityShape(
                id=entity.id,
                type=entity.type,
                start=entity.start,
                end=entity.end,
                fragments=list(entity.fragments),
                confidence=entity.confidence,
            )
            for entity in note.entities
        ],
        "relations": [
            shapes.RelationShape(type=r.type, head=r.head, tail=r.tail) for r in note.relations
        ],
    }


def _corrected(note_id: str, correction: shapes.Correction) -> Note:
    """Return a note as a person marked it: what a person looked at needs no confidence."""
    entities = (
        Entity(e.id, e.type, e.start, e.end, tuple(e.fragments)) for e in correction.entities
    )
    relations = (Relation(r.type, r.head, r.tail) for r in correction.relations)
    return Note(note_id, _PASTED, correction.text, tuple(entities), tuple(relations))


def _or_refused(work: Callable[[], _T]) -> _T:
    """Do some work; what went wrong is an answer, and never an error of the server."""
    try:
        return work()
    except BusyError as error:
        raise HTTPException(429, "notes wait already; try again in a moment") from error
    except InputError as error:
        raise HTTPException(422, [str(fault) for fault in error.faults]) from error
    except FedMedLoRAError as error:
        raise HTTPException(409, str(error)) from error


def _malformed(_: Request, error: Exception) -> Response:
    # What was found could be a note; where it stands is enough.
    told = error.errors() if isinstance(error, RequestValidationError) else []
    problems = [f"{'.'.join(map(str, one['loc']))}: {one['type']}" for one in told]
    return JSONResponse({"problems": problems[:_MOST_PROBLEMS]}, status_code=422)


def _refused(_: Request, error: Exception) -> Response:
    if not isinstance(error, StarletteError):
        raise error
    detail: Any = error.detail
    problems = detail if isinstance(detail, list) else [detail]
    return JSONResponse(
        {"problems": problems[:_MOST_PROBLEMS]},
        status_code=error.status_code,
        headers=error.headers,
    )
