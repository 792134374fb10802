"""What a note says of a main entity as a resource of FHIR R4B: never more than the note says.

    problem -> Condition           denied: refuted; doubted, or in case it comes: unconfirmed
    drug -> MedicationStatement    denied: not-taken; else unknown
    test -> Observation            denied: cancelled, not performed; doubted: preliminary
    treatment -> Procedure         denied: not-done; else unknown
    of somebody else               FamilyMemberHistory, whatever it is

A status that would say more than words on a page can, as `active` of a drug, is never given. What
has no element of its own stands in `note`. Names are text; codes are those that FHIR itself
requires.

Source: HL7 FHIR R4B (4.3.0), https://hl7.org/fhir/R4B/.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fedmedlora.clinical.assertions import Statement

Json = dict[str, Any]

_HL7 = "http://terminology.hl7.org/CodeSystem"
_DOSE = re.compile(r"(\d+(?:\.\d+)?)\s*([^\W\d_]+)")
_DOSAGE = ("strength", "dosage", "form", "route", "frequency", "duration")
# FHIR's strings hold none of these.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")


def concept(words: str) -> Json:
    """Return a concept that is known by its words alone."""
    return {"text": printable(words)}


def printable(words: str) -> str:
    """Return words as a string of FHIR may hold them."""
    return _UNPRINTABLE.sub("\ufffd", words)


def resource(one: Statement, patient: Json) -> Json:
    """Return the resource of a main entity, without what it is tied to.

    Args:
        one: What the note says of it.
        patient: The reference to whose note it is.
    """
    if one.other:
        return _of_another(one, patient)
    return _MAKERS[one.entity.type](one) | {"subject": patient}


def add_note(made: Json, words: str) -> None:
    """Add to the words of a resource that have no element of their own."""
    made.setdefault("note", []).append(concept(words))


def _condition(one: Statement) -> Json:
    made: Json = {"resourceType": "Condition", "code": concept(one.name)}
    if one.is_denied:
        made["verificationStatus"] = _coded("condition-ver-status", "refuted")
    elif not one.is_plain:
        made["verificationStatus"] = _coded("condition-ver-status", "unconfirmed")
    course = one.course if one.is_plain else None
    if course is not None:
        made["clinicalStatus"] = _coded("condition-clinical", course)
    if severity := one.texts("severity"):
        made["severity"] = concept(", ".join(severity))
    if places := one.texts("bodyloc"):
        made["bodySite"] = [concept(place) for place in places]
    return made | _notes(one, {"severity", "bodyloc"} | ({"course"} if course else set()))


def _medication(one: Statement) -> Json:
    dosage = _dosage(one)
    return {
        "resourceType": "MedicationStatement",
        "status": "not-taken" if one.is_denied else "unknown",
        "medicationCodeableConcept": concept(one.name),
        **({"dosage": [dosage]} if dosage else {}),
    } | _notes(one, set(_DOSAGE))


def _dosage(one: Statement) -> Json:
    told = [words for type_ in _DOSAGE for words in one.texts(type_)]
    if not told:
        return {}
    made: Json = {"text": printable(", ".join(told))}
    if times := (*one.texts("frequency"), *one.texts("duration")):
        made["timing"] = {"code": concept(", ".join(times))}
    if routes := one.texts("route"):
        made["route"] = concept(", ".join(routes))
    doses = [_DOSE.fullmatch(words.strip()) for words in one.texts("dosage")]
    if len(doses) == 1 and (dose := doses[0]):
        quantity = {"value": float(dose[1]), "unit": dose[2]}
        made["doseAndRate"] = [{"doseQuantity": quantity}]
    return made


def _observation(one: Statement) -> Json:
    made: Json = {"resourceType": "Observation", "code": concept(one.name)}
    values = one.texts("labvalue")
    is_told = bool(values) and not (one.is_denied or one.is_hypothetical)
    if one.is_denied:
        made["status"] = "cancelled"
        made["dataAbsentReason"] = _coded("data-absent-reason", "not-performed")
    elif one.is_hypothetical:
        made["status"] = "registered"
    else:
        made["status"] = "preliminary" if one.is_doubted else "unknown"
    if is_told:
        made["valueString"] = printable(", ".join(values))
    if ranges := one.texts("reference_range"):
        made["referenceRange"] = [concept(words) for words in ranges]
    return made | _notes(one, {"reference_range"} | ({"labvalue"} if is_told else set()))


def _procedure(one: Statement) -> Json:
    return {
        "resourceType": "Procedure",
        "status": "not-done" if one.is_denied else "unknown",
        "code": concept(one.name),
    } | _notes(one, set())


def _of_another(one: Statement, patient: Json) -> Json:
    made: Json = {
        "resourceType": "FamilyMemberHistory",
        "status": "partial",
        "patient": patient,
        "relationship": concept(one.other),
    }
    is_had = not (one.is_denied or one.is_doubted or one.is_hypothetical)
    if is_had and one.entity.type == "problem":
        made["condition"] = [{"code": concept(one.name)}]
        return made | _notes(one, {"subject"})
    return made | _notes(one, {"subject"}, before=[f"{one.entity.type}: {one.name}"])


def _notes(one: Statement, told: set[str], *, before: Iterable[str] = ()) -> Json:
    """Return the note with every modifier that was not told otherwise."""
    rest = (
        f"{type_}: {words}"
        for type_, texts in one.modifiers.items()
        if type_ not in told
        for words in texts
    )
    said = [*before, *rest]
    return {"note": [concept(words) for words in said]} if said else {}


def _coded(system: str, code: str) -> Json:
    return {"coding": [{"system": f"{_HL7}/{system}", "code": code}]}


_MAKERS: Mapping[str, Callable[[Statement], Json]] = {
    "problem": _condition,
    "drug": _medication,
    "test": _observation,
    "treatment": _procedure,
}
