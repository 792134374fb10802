"""Never a positive finding: what is denied, doubted, in case it comes or of somebody else."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import product
from typing import Any

import pytest

from fedmedlora.clinical.notes import Entity, Note, Relation
from fedmedlora.errors import Fault
from fedmedlora.formats.exchange.fhir import FORMAT
from fedmedlora.formats.note_format import Files, Reading, is_one_file

Json = dict[str, Any]
Modifiers = Mapping[str, str]

READING = Reading("plus of demo", "0.1.0", date(2026, 1, 31))
READ = FORMAT.read_by(READING) if FORMAT.read_by else FORMAT
TYPES = {
    "problem": "Condition",
    "drug": "MedicationStatement",
    "test": "Observation",
    "treatment": "Procedure",
}
COMBINATIONS = [
    {type_: words for type_, words in zip(types, given, strict=True) if words}
    for types in [("negation", "uncertain", "subject", "condition", "course", "labvalue")]
    for given in product(
        ("", "no"),
        ("", "possible"),
        ("", "the patient", "her sister"),
        ("", "on exertion", "if tired"),
        ("", "recurrent", "resolved", "acute"),
        ("", "positive"),
    )
]
"""288 of them."""
SAID = {
    "plain": {},
    "denied": {"negation": "no"},
    "doubted": {"uncertain": "possible"},
    "in case": {"condition": "if tired"},
    "of another": {"subject": "mother"},
}


def note(
    *said: tuple[str, Modifiers], relations: Sequence[Relation] = (), patient: str | None = None
) -> Note:
    """Return a note of main entities M0, M1, ... and the words tied to each."""
    text, entities, tied = "", [], list(relations)

    def add(id_: str, type_: str, words: str) -> None:
        nonlocal text
        entities.append(Entity(id_, type_, len(text), len(text) + len(words)))
        text += f"{words} "

    for number, (type_, modifiers) in enumerate(said):
        add(f"M{number}", type_, f"{type_}{number}")
        for name, words in modifiers.items():
            tied.append(Relation(name, f"M{number}", f"M{number}{name}"))
            add(f"M{number}{name}", name, words)
    return Note("a.txt", "s", text, tuple(entities), tuple(tied), patient)


def bundle(files: Files) -> Json:
    (line,) = files["bundles.ndjson"].decode().splitlines()
    return dict(json.loads(line))


def resources(one: Note) -> list[Json]:
    return [entry["resource"] for entry in bundle(READ.render(one))["entry"]]


def found(one: Note) -> list[Json]:
    return [
        made
        for made in resources(one)
        if made["resourceType"] not in ("Device", "DocumentReference")
    ]


def code(made: Json, element: str) -> str | None:
    coded: str | None = made[element]["coding"][0]["code"] if element in made else None
    return coded


def is_positive(made: Json) -> bool:
    """Return whether somebody who loads a resource would take it for so, by its specification."""
    match made["resourceType"]:
        case "Condition":
            return "verificationStatus" not in made or "clinicalStatus" in made
        case "MedicationStatement":
            # Taken is what these say, and more than a note that names a drug.
            return bool(made["status"] != "not-taken")
        case "Procedure":
            return bool(made["status"] != "not-done")
        case "Observation":
            return made["status"] not in ("cancelled", "registered") or "valueString" in made
        case "FamilyMemberHistory":
            return "condition" in made
        case "AdverseEvent":
            return bool(made["actuality"] == "actual")
    pytest.fail(f"a resource nobody thought of: {made['resourceType']}")


@pytest.mark.parametrize("type_", TYPES)
def test_in_no_combination_is_anything_a_positive_finding_of_the_patient_that_is_not_so(
    type_: str,
) -> None:
    for modifiers in COMBINATIONS:
        (made,) = found(note((type_, modifiers)))

        is_denied, is_doubted = "negation" in modifiers, "uncertain" in modifiers
        in_case = modifiers.get("condition") == "if tired"
        if modifiers.get("subject") == "her sister":
            assert made["resourceType"] == "FamilyMemberHistory", modifiers
            is_had = type_ == "problem" and not (is_denied or is_doubted or in_case)
            assert is_positive(made) is is_had, modifiers
            continue
        assert made["resourceType"] == TYPES[type_], modifiers
        if is_denied:
            assert not is_positive(made), modifiers
        elif type_ == "problem":
            assert is_positive(made) is not (is_doubted or in_case), modifiers
        elif type_ == "test":
            assert is_positive(made) is not in_case, modifiers


def test_what_was_combined_is_every_combination() -> None:
    # 2 negation, 2 uncertain, 3 subject, 3 condition, 4 course, 2 labvalue
    assert len(COMBINATIONS) == 2 * 2 * 3 * 3 * 4 * 2


@pytest.mark.parametrize(
    ("type_", "modifiers", "element", "status"),
    [
        ("problem", {}, "verificationStatus", None),
        ("problem", {"negation": "no"}, "verificationStatus", "refuted"),
        ("problem", {"negation": "no", "uncertain": "perhaps"}, "verificationStatus", "refuted"),
        ("problem", {"uncertain": "possible"}, "verificationStatus", "unconfirmed"),
        ("problem", {"condition": "if tired"}, "verificationStatus", "unconfirmed"),
        ("problem", {"condition": "on exertion"}, "verificationStatus", None),
        ("problem", {"course": "recurrent"}, "clinicalStatus", "recurrence"),
        ("problem", {"course": "in remission"}, "clinicalStatus", "remission"),
        ("problem", {"course": "resolved"}, "clinicalStatus", "resolved"),
        ("problem", {"course": "acute"}, "clinicalStatus", None),
        ("problem", {"course": "recurrent", "negation": "no"}, "clinicalStatus", None),
        ("problem", {"course": "recurrent", "uncertain": "may"}, "clinicalStatus", None),
        ("test", {"negation": "no"}, "dataAbsentReason", "not-performed"),
    ],
)
def test_statuses_are_codes_of_fhir(
    type_: str, modifiers: Modifiers, element: str, status: str | None
) -> None:
    (made,) = found(note((type_, modifiers)))

    assert code(made, element) == status


@pytest.mark.parametrize(
    ("type_", "modifiers", "status"),
    [
        ("drug", {}, "unknown"),
        ("drug", {"negation": "no"}, "not-taken"),
        ("treatment", {}, "unknown"),
        ("treatment", {"negation": "no"}, "not-done"),
        ("test", {}, "unknown"),
        ("test", {"negation": "no"}, "cancelled"),
        ("test", {"uncertain": "likely"}, "preliminary"),
        ("test", {"condition": "if worse"}, "registered"),
    ],
)
def test_what_was_given_or_done_says_no_more_than_the_note(
    type_: str, modifiers: Modifiers, status: str
) -> None:
    (made,) = found(note((type_, modifiers)))

    assert made["status"] == status


@pytest.mark.parametrize(("head", "tail"), [*product(SAID, SAID)])
@pytest.mark.parametrize("type_", ["adverse_effect", "causes", "treats"])
@pytest.mark.parametrize("head_type", TYPES)
def test_a_tie_is_no_more_positive_than_what_it_ties(
    head_type: str, type_: str, head: str, tail: str
) -> None:
    relations = [Relation(type_, "M0", "M1")]
    one = note((head_type, SAID[head]), ("problem", SAID[tail]), relations=relations)

    made = found(one)

    events = [each for each in made if each["resourceType"] == "AdverseEvent"]
    first, second = made[0], made[1]
    are_of_patient = {head, tail}.isdisjoint({"denied", "of another"})
    are_plain = head == tail == "plain"
    is_given = head_type in ("drug", "treatment")
    assert [event["actuality"] for event in events] == (
        [("actual" if are_plain else "potential")]
        if are_of_patient and is_given and type_ != "treats"
        else []
    )
    assert ("reasonReference" in first) is (are_of_patient and is_given and type_ == "treats")
    is_caused = are_plain and type_ != "treats"
    assert ("evidence" in second) is (is_caused and head_type == "test")
    due_to = [each for each in second["extension"] if "dueTo" in each["url"]]
    assert bool(due_to) is (is_caused and head_type == "problem")
    assert {"text": f"{type_}: problem1"} in first["note"]


def test_references_lead_to_what_is_in_the_bundle() -> None:
    relations = [Relation("adverse_effect", "M0", "M1"), Relation("treats", "M0", "M1")]
    one = bundle(READ.render(note(("drug", {}), ("problem", {}), relations=relations)))

    urls = {entry["fullUrl"] for entry in one["entry"]}

    def references(value: object) -> list[str]:
        if isinstance(value, dict):
            own = [value["reference"]] if isinstance(value.get("reference"), str) else []
            return own + [each for part in value.values() for each in references(part)]
        parts = value if isinstance(value, list) else []
        return [each for part in parts for each in references(part)]

    drug, problem, event = one["entry"][-3:]
    assert set(references(one)) <= urls
    assert event["resource"]["suspectEntity"][0]["instance"]["reference"] == drug["fullUrl"]
    assert drug["resource"]["reasonReference"][0]["reference"] == problem["fullUrl"]
    assert all(entry["fullUrl"] == f"urn:uuid:{entry['resource']['id']}" for entry in one["entry"])


def test_a_drug_has_its_dosage() -> None:
    given = {
        "strength": "25 mg",
        "dosage": "2 tablets",
        "route": "by mouth",
        "frequency": "daily",
        "duration": "for 5 days",
    }
    (made,) = found(note(("drug", given)))

    assert made["dosage"] == [
        {
            "text": "25 mg, 2 tablets, by mouth, daily, for 5 days",
            "timing": {"code": {"text": "daily, for 5 days"}},
            "route": {"text": "by mouth"},
            "doseAndRate": [{"doseQuantity": {"value": 2.0, "unit": "tablets"}}],
        }
    ]


def test_a_dose_that_is_no_number_is_text_alone() -> None:
    (made,) = found(note(("drug", {"dosage": "half a tablet"})))

    assert made["dosage"] == [{"text": "half a tablet"}]


def test_a_test_has_its_value_and_range() -> None:
    (made,) = found(note(("test", {"labvalue": "5.1", "reference_range": "3-5"})))

    assert made["code"] == {"text": "test0"}
    assert made["valueString"] == "5.1"
    assert made["referenceRange"] == [{"text": "3-5"}]


def test_what_has_no_element_is_a_note() -> None:
    given = {
        "severity": "mild",
        "bodyloc": "left",
        "course": "acute",
        "temporal": "today",
        "condition": "on exertion",
    }
    (made,) = found(note(("problem", given)))

    assert made["severity"] == {"text": "mild"}
    assert made["bodySite"] == [{"text": "left"}]
    assert [each["text"] for each in made["note"]] == [
        "condition: on exertion",
        "course: acute",
        "temporal: today",
    ]


def test_a_relative_s_problem_is_their_condition() -> None:
    (made,) = found(note(("problem", {"subject": "Mother", "course": "recurrent"})))

    assert made["relationship"] == {"text": "Mother"}
    assert made["condition"] == [{"code": {"text": "problem0"}}]
    assert "subject" not in made
    assert [each["text"] for each in made["note"]] == ["course: recurrent"]


def test_what_a_relative_has_not_is_words() -> None:
    (made,) = found(note(("problem", {"subject": "mother", "negation": "no"})))

    assert [each["text"] for each in made["note"]] == ["problem: problem0", "negation: no"]


def test_each_finding_says_where_it_stands_and_how_sure_the_model_is() -> None:
    text = "pain in arm and leg"
    entity = Entity("T1", "problem", 0, 19, ((0, 11), (16, 19)), confidence=0.87654)
    made = resources(Note("a", "s", text, (entity,), ()))

    document, condition = made[1], made[2]
    places = [
        {each["url"]: each.get("valueInteger") for each in extension["extension"]}
        for extension in condition["extension"][:2]
    ]
    assert [(each["offset"], each["length"]) for each in places] == [(0, 11), (16, 3)]
    assert condition["extension"][2] == {
        "url": "urn:fedmedlora:confidence",
        "valueDecimal": 0.8765,
    }
    assert f"urn:uuid:{document['id']}" in json.dumps(condition)


def test_the_note_is_there_by_its_digests_and_not_by_its_words() -> None:
    one = note(("problem", {"severity": "mild"}), patient="17")
    document = resources(one)[1]

    sha256 = base64.urlsafe_b64encode(hashlib.sha256(one.text.encode()).digest()).decode()
    assert document["identifier"][1]["value"] == f"ni:///sha-256;{sha256.rstrip('=')}"
    assert document["content"][0]["attachment"]["size"] == len(one.text)
    assert document["subject"]["identifier"] == {"value": "17"}
    assert "mild" not in json.dumps(document)


def test_the_model_is_a_device_that_each_finding_names() -> None:
    device, _, condition = resources(note(("problem", {})))

    assert device["deviceName"] == [{"name": "fedmedlora: plus of demo", "type": "model-name"}]
    assert device["version"] == [{"value": "0.1.0"}]
    assert condition["meta"] == {"source": f"urn:uuid:{device['id']}"}


def test_of_a_person_s_notes_nobody_is_the_device() -> None:
    one = bundle(FORMAT.render(note(("problem", {}))))

    types = [entry["resource"]["resourceType"] for entry in one["entry"]]
    assert types == ["DocumentReference", "Condition"]


def test_read_again_a_note_gives_the_same_bytes_and_another_others() -> None:
    one, other = note(("problem", {})), note(("problem", {}), patient="17")

    assert READ.render(one) == READ.render(one)
    renamed = Note("b.txt", "s", one.text, one.entities, one.relations)
    made = [bundle(READ.render(each)) for each in (one, renamed)]
    ids = [{entry["fullUrl"] for entry in each["entry"]} for each in made]
    # The device is the same.
    assert len(ids[0] & ids[1]) == 1
    assert READ.render(one) != READ.render(other)


def test_what_fhir_cannot_hold_is_replaced() -> None:
    text = "pa\x00in Fièvre"
    entities = (Entity("T1", "problem", 0, 5), Entity("T2", "problem", 6, 12))
    first, second = found(Note("a\x01", "s", text, entities, ()))

    assert first["code"] == {"text": "pa\ufffdin"}
    assert second["code"] == {"text": "Fièvre"}
    assert "Fièvre".encode() in READ.render(Note("a", "s", text, entities, ()))["bundles.ndjson"]


def test_a_note_that_could_not_be_read_is_an_outcome() -> None:
    assert READ.unread is not None

    made = bundle(READ.unread(Fault("a.txt", "no text", "a note")))

    assert made["identifier"] == {"value": "a.txt"}
    assert made["entry"][0]["resource"]["issue"] == [
        {"severity": "error", "code": "processing", "diagnostics": "found no text, expected a note"}
    ]


def test_all_bundles_are_one_file() -> None:
    assert is_one_file(READ)
