"""A Bundle of FHIR R4B for each note, one a line (NDJSON), checked by `fhir.resources`.

It holds a DocumentReference to the note, with digests and without its text; a Device, the model
that read it; and what was found. Each finding says where in the note it stands, in characters, and
how sure the model is of it where that is known. Ids follow from the note and from what was found:
read again, a note gives the same bytes.
"""

import base64
import hashlib
import json
from collections.abc import Iterable
from functools import partial
from uuid import NAMESPACE_OID, uuid5

from fedmedlora.clinical.assertions import statements
from fedmedlora.clinical.notes import Entity, Note
from fedmedlora.errors import Fault
from fedmedlora.formats.fhir_links import Made, tie
from fedmedlora.formats.fhir_resources import Json, printable, resource
from fedmedlora.formats.note_format import Files, NoteFormat, Reading

_FILE = "bundles.ndjson"
_PLACE = "http://hl7.org/fhir/StructureDefinition/derivation-reference"
_CONFIDENCE = "urn:fedmedlora:confidence"


def _render(reading: Reading | None, note: Note) -> Files:
    content = note.text.encode()
    sha256 = hashlib.sha256(content).digest()
    # A note of the same words and another name is another note.
    seed = f"{sha256.hex()} {note.id}"
    document = _url(seed)
    patient = _patient(note)
    made = {}
    for one in statements(note):
        own = resource(one, patient)
        own["extension"] = _found(one.entity, document)
        made[one.entity.id] = Made(one, own, _url(seed, one.entity.id))
    events = tie(made)
    device = [] if reading is None else [_device(reading)]
    source = {"meta": {"source": device[0][0]}} if device else {}
    entries = [
        *device,
        (document, _document(note, content, sha256, patient)),
        *((each.url, each.resource | source) for each in made.values()),
        *((_url(seed, f"event {n}"), event | source) for n, event in enumerate(events)),
    ]
    return _line(note.id, _url(seed, "bundle"), entries)


def _unread(fault: Fault) -> Files:
    said = f"found {fault.found}, expected {fault.expected}"
    issue = {"severity": "error", "code": "processing", "diagnostics": said}
    outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
    return _line(fault.where, _url(fault.where, "bundle"), [(_url(fault.where, said), outcome)])


def _line(name: str, url: str, entries: Iterable[tuple[str, Json]]) -> Files:
    """Return a bundle as a line.

    Raises:
        ValueError: It is none of R4B.
    """
    # Only who asks for it needs its package.
    from fhir.resources.R4B.bundle import Bundle  # noqa: PLC0415

    document = {
        "resourceType": "Bundle",
        "id": _id(url),
        "identifier": {"value": printable(name)},
        "type": "collection",
        "entry": [{"fullUrl": to, "resource": one | {"id": _id(to)}} for to, one in entries],
    }
    checked = json.loads(Bundle.model_validate(document).model_dump_json())
    return {_FILE: (json.dumps(checked, ensure_ascii=False) + "\n").encode()}


def _document(note: Note, content: bytes, sha256: bytes, patient: Json) -> Json:
    # FHIR asks for SHA-1; who looks for the note by its words is better served by the other.
    sha1 = hashlib.sha1(content, usedforsecurity=False).digest()
    named = base64.urlsafe_b64encode(sha256).decode().rstrip("=")
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "identifier": [
            {"value": printable(note.id)},
            {"system": "urn:ietf:rfc:3986", "value": f"ni:///sha-256;{named}"},
        ],
        "subject": patient,
        "content": [
            {
                "attachment": {
                    "contentType": "text/plain; charset=utf-8",
                    "size": len(content),
                    "hash": base64.b64encode(sha1).decode(),
                    "title": printable(note.id),
                }
            }
        ],
    }


def _device(reading: Reading) -> tuple[str, Json]:
    made = {
        "resourceType": "Device",
        "deviceName": [{"name": f"fedmedlora: {reading.origin}", "type": "model-name"}],
        "version": [{"value": reading.version}],
    }
    return _url(reading.origin, reading.version), made


def _patient(note: Note) -> Json:
    if note.patient is None:
        return {"type": "Patient", "display": "the patient of this note"}
    return {"type": "Patient", "identifier": {"value": printable(note.patient)}}


def _found(entity: Entity, document: str) -> list[Json]:
    """Return where an entity stands in the note, and how sure the model is of it."""
    places = entity.fragments or ((entity.start, entity.end),)
    extensions: list[Json] = [
        {
            "url": _PLACE,
            "extension": [
                {"url": "reference", "valueReference": {"reference": document}},
                {"url": "offset", "valueInteger": start},
                {"url": "length", "valueInteger": end - start},
            ],
        }
        for start, end in places
    ]
    if entity.confidence is not None:
        extensions.append({"url": _CONFIDENCE, "valueDecimal": round(entity.confidence, 4)})
    return extensions


def _url(*parts: str) -> str:
    return f"urn:uuid:{uuid5(NAMESPACE_OID, json.dumps(['fedmedlora', *parts]))}"


def _id(url: str) -> str:
    return url.removeprefix("urn:uuid:")


FORMAT = NoteFormat(
    partial(_render, None),
    unread=_unread,
    read_by=lambda reading: NoteFormat(partial(_render, reading), unread=_unread),
)
