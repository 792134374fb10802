"""What treats, causes and adverse effects make of two resources of FHIR R4B.

A tie is only made between what the patient has and was given. Whatever a note ties together stands
as words in `note`, tied or not.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from fedmedlora.clinical.assertions import Statement
from fedmedlora.formats.fhir_resources import Json, add_note, concept

_DUE_TO = "http://hl7.org/fhir/StructureDefinition/condition-dueTo"
_GIVEN = ("drug", "treatment")


class Made(NamedTuple):
    """A statement with the resource that was made of it, and where that is."""

    one: Statement
    resource: Json
    url: str


def tie(made: Mapping[str, Made]) -> list[Json]:
    """Tie resources together, and return the adverse events that are resources of their own.

    Args:
        made: By the id of the entity; resources are added to.
    """
    events = []
    for head in made.values():
        for relation in head.one.links:
            tail = made.get(relation.tail)
            if tail is None:
                continue
            if event := _tied(relation.type, head, tail):
                events.append(event)
    return events


def _tied(type_: str, head: Made, tail: Made) -> Json | None:
    add_note(head.resource, f"{type_}: {tail.one.name}")
    denied = head.one.is_denied or tail.one.is_denied
    if denied or head.one.other or tail.one.other or tail.one.entity.type != "problem":
        return None
    are_plain = head.one.is_plain and tail.one.is_plain
    if head.one.entity.type in _GIVEN:
        if type_ == "treats":
            head.resource.setdefault("reasonReference", []).append(_to(tail))
            return None
        return _adverse_event(head, tail, actuality="actual" if are_plain else "potential")
    if type_ != "treats" and are_plain:
        _WAYS[head.one.entity.type](head, tail)
    return None


def _adverse_event(head: Made, tail: Made, *, actuality: str) -> Json:
    return {
        "resourceType": "AdverseEvent",
        "actuality": actuality,
        "subject": head.resource["subject"],
        "event": concept(tail.one.name),
        "resultingCondition": [_to(tail)],
        "suspectEntity": [{"instance": _to(head)}],
    }


def _due_to(head: Made, tail: Made) -> None:
    extension = {"url": _DUE_TO, "valueReference": _to(head)}
    tail.resource.setdefault("extension", []).append(extension)


def _evidence(head: Made, tail: Made) -> None:
    tail.resource.setdefault("evidence", []).append({"detail": [_to(head)]})


def _to(made: Made) -> Json:
    return {"reference": made.url}


_WAYS: Mapping[str, Callable[[Made, Made], None]] = {"problem": _due_to, "test": _evidence}
