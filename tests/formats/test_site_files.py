"""Bad input: what is wrong is told with its place, all at once, and without a word of a note."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fedmedlora.clinical.notes import Entity, Labels, Note, Relation, SiteNotes
from fedmedlora.errors import Fault, InputError
from fedmedlora.formats.site_files import parse_site, render_site, site_digest

FOLDER = Path("hospital")
# A word that no message may repeat.
UNSAID = "Lupus"
DESCRIPTION = {"site": "a", "entities": ["problem", "severity"], "relations": ["severity"]}

Record = dict[str, Any]


def record(id_: str = "n1") -> Record:
    return {
        "id": id_,
        "site": "a",
        "text": f"Mild {UNSAID}.",
        "entities": [
            {"id": "T1", "type": "severity", "start": 0, "end": 4, "text": "Mild"},
            {"id": "T2", "type": "problem", "start": 5, "end": 10, "text": UNSAID},
        ],
        "relations": [{"type": "severity", "head": "T2", "tail": "T1"}],
    }


def lines(*values: object) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def faults(
    *, train: bytes | None = None, dev: bytes | None = None, description: object = DESCRIPTION
) -> list[Fault]:
    files: dict[str, bytes | Fault] = {
        "site.json": description if isinstance(description, bytes) else lines(description),
        "train.jsonl": lines(record("n1")) if train is None else train,
        "dev.jsonl": lines(record("n2")) if dev is None else dev,
    }
    try:
        parse_site(FOLDER, files, required=("train", "dev"))
    except InputError as error:
        found = list(error.faults)
    else:
        found = []
    assert UNSAID not in "\n".join(map(str, found))
    return found


def note_faults(**changes: object) -> list[Fault]:
    return faults(train=lines(record() | changes))


def entity_faults(**changes: object) -> list[Fault]:
    mild, lupus = record()["entities"]
    return note_faults(entities=[mild, lupus | changes])


def relation_faults(**changes: object) -> list[Fault]:
    return note_faults(relations=[record()["relations"][0] | changes])


def the_only(found: list[Fault]) -> str:
    (fault,) = found
    return str(fault)


def test_a_right_folder_has_no_fault() -> None:
    assert faults() == []


def test_parts_and_confidence_of_an_entity_are_read_back() -> None:
    gapped = Entity("T1", "problem", 0, 10, ((0, 4), (5, 10)), 0.25)
    plain = Entity("T2", "problem", 5, 10)
    note = Note("n1", "a", f"Mild {UNSAID}.", (gapped, plain), ())
    site = SiteNotes("a", Labels(("problem",), ()), False, {"train": (note,)})

    files = render_site(site, {})

    assert parse_site(FOLDER, {**files}) == site
    second = json.loads(files["train.jsonl"])["entities"][1]
    assert {"fragments", "confidence"}.isdisjoint(second)


@pytest.mark.parametrize(
    "fragments", [{}, [], [[5, 10]], [[5, 7], "x"], [[5, 7], [9]], [[5.0, 7], [8, 10]]]
)
def test_parts_of_an_entity_are_pairs_of_offsets(fragments: object) -> None:
    assert "expected" in the_only(entity_faults(fragments=fragments))


@pytest.mark.parametrize("fragments", [[[5, 7], [7, 10]], [[5, 5], [7, 10]], [[5, 8], [7, 10]]])
def test_parts_of_an_entity_stand_in_order_and_apart(fragments: object) -> None:
    assert "in order, and apart" in the_only(entity_faults(fragments=fragments))


@pytest.mark.parametrize("fragments", [[[5, 7], [8, 9]], [[6, 7], [8, 10]]])
def test_parts_of_an_entity_reach_from_its_start_to_its_end(fragments: object) -> None:
    assert "begin at start" in the_only(entity_faults(fragments=fragments))


@pytest.mark.parametrize("confidence", [-0.1, 1.1, "high", None, True, float("nan")])
def test_a_confidence_is_a_probability(confidence: object) -> None:
    assert "a number of 0 to 1" in the_only(entity_faults(confidence=confidence))


def test_a_patient_may_be_named_and_is_read_back() -> None:
    files: dict[str, bytes | Fault] = {
        "site.json": lines(DESCRIPTION),
        "train.jsonl": lines(record("n1") | {"patient": UNSAID}, record("n2")),
    }

    site = parse_site(FOLDER, files)

    assert [note.patient for note in site.splits["train"]] == [UNSAID, None]
    again = parse_site(FOLDER, {**render_site(site, {})})
    assert again == site


@pytest.mark.parametrize(
    ("patient", "told"),
    [
        ("", "patient: found an empty text, expected whose note it is"),
        (7, "patient: found a whole number, expected a text"),
        (None, "patient: found null, expected a text"),
        ("p\ud800", "patient: found"),
    ],
)
def test_a_patient_that_is_none_is_told(patient: object, told: str) -> None:
    assert told in the_only(note_faults(patient=patient))


def test_a_malformed_line_is_told_with_its_number_and_character() -> None:
    train = lines(record("n1")) + b'{"id": "Lupus" "x"}\n' + lines(record("n3"))

    assert the_only(faults(train=train)) == (
        "hospital/train.jsonl:2: found malformed JSON (Expecting ',' delimiter) at character 16,"
        " expected one JSON object"
    )


@pytest.mark.parametrize(
    "line", [b'{"text": "Lup\\qus"}', b'"Lupus', b"Lupus", b"{Lupus}", b'{"Lupus"}', b"[" * 99_999]
)
def test_no_malformed_line_is_repeated(line: bytes) -> None:
    assert the_only(faults(train=line)).startswith("hospital/train.jsonl:1: found ")


def test_a_number_of_thousands_of_digits_is_refused() -> None:
    assert "number too long" in the_only(faults(train=b'{"id": ' + b"9" * 5000 + b"}"))


def test_two_lines_on_one_are_told() -> None:
    train = lines(record("n1")).strip() * 2

    assert "malformed JSON (Extra data)" in the_only(faults(train=train))


def test_a_key_that_stands_twice_is_told() -> None:
    train = lines(record()).replace(b'"id": "n1"', b'"id": "n0", "id": "n1"')

    assert the_only(faults(train=train)) == (
        "hospital/train.jsonl:1: found a text of 2 characters as a key twice in one object,"
        " expected each key once"
    )


def test_bytes_that_are_not_utf8_are_told_with_line_and_byte() -> None:
    train = lines(record("n1")) + b'{"id": "\xe4"}\n'

    assert the_only(faults(train=train)) == (
        "hospital/train.jsonl:2: found byte 0xe4 at byte 9 of the line, expected UTF-8 text;"
        " save the file as UTF-8"
    )


def test_a_byte_order_mark_is_one_fault_and_the_rest_is_read() -> None:
    marked = b"\xef\xbb\xbf" + lines(record() | {"text": ""})

    assert [fault.found for fault in faults(train=marked)][:2] == [
        "a byte order mark of UTF-8",
        "an empty text",
    ]
    assert [fault.where for fault in faults(train=b"\xef\xbb\xbf" + lines(record()))] == [
        "hospital/train.jsonl:1"
    ]


def test_a_file_in_utf16_is_one_fault() -> None:
    train = "\n".join(["{}"] * 9).encode("utf-16")

    assert "found a byte order mark of UTF-16" in the_only(faults(train=train))


@pytest.mark.parametrize(
    ("value", "kind"), [([], "a list"), ("Lupus", "a text"), (3, "a whole number"), (None, "null")]
)
def test_a_line_that_is_not_an_object_is_told(value: object, kind: str) -> None:
    assert the_only(faults(train=lines(value))) == (
        f"hospital/train.jsonl:1: found {kind}, expected an object"
    )


@pytest.mark.parametrize("key", ["id", "site", "text", "entities", "relations"])
def test_a_missing_key_is_told(key: str) -> None:
    note = record() | {"relations": []}
    del note[key]

    found = the_only(faults(train=lines(note)))

    assert found.startswith(f"hospital/train.jsonl:1: {key}: found no such key, expected a ")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"start": True}, "entities[1].start: found true or false, expected a whole number"),
        ({"end": 10.0}, "entities[1].end: found a number with a fraction, expected a whole number"),
        ({"end": "10"}, "entities[1].end: found a text, expected a whole number"),
        ({"text": None}, "entities[1].text: found null, expected a text"),
    ],
)
def test_a_value_of_a_wrong_kind_is_told(changes: Record, expected: str) -> None:
    assert the_only(entity_faults(**changes)) == f"hospital/train.jsonl:1: {expected}"


def test_an_entity_and_a_relation_must_be_objects() -> None:
    found = note_faults(entities=[7], relations=["T1"])

    assert [fault.where for fault in found] == [
        "hospital/train.jsonl:1: entities[0]",
        "hospital/train.jsonl:1: relations[0]",
    ]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        # The text has 11 characters.
        (-1, 4, "start: found -1, expected 0 to 10,"),
        (11, 12, "start: found 11, expected 0 to 10,"),
        (5, 12, "end: found 12, expected 6 to 11,"),
        (5, 5, "end: found 5, expected 6 to 11,"),
        (5, 3, "end: found 3, expected 6 to 11,"),
    ],
)
def test_offsets_that_do_not_fit_are_told(start: int, end: int, expected: str) -> None:
    found = the_only(entity_faults(start=start, end=end))

    assert found.startswith(f"hospital/train.jsonl:1: entities[1].{expected}")


def test_a_text_that_differs_is_told_by_lengths() -> None:
    # "Lupus" against "Lupine": the first three agree.
    assert the_only(entity_faults(text="Lupine")) == (
        "hospital/train.jsonl:1: entities[1].text: found 6 characters, of which only the first 3"
        " agree, expected 5, those of the note's text[5:10];"
        " offsets count characters, not bytes, and CR LF as two"
    )


def test_white_space_at_the_ends_of_an_entity_is_let_be() -> None:
    # "Mild Lupus": the blank between the two belongs to the second.
    assert entity_faults(start=4, text=" Lupus") == []


def test_an_entity_of_white_space_alone_is_told() -> None:
    assert the_only(entity_faults(start=4, end=5, text=" ")) == (
        "hospital/train.jsonl:1: entities[1].text: found only white space, 1 characters,"
        " expected the text of an entity; leave the entity out"
    )


def test_half_a_character_is_told() -> None:
    found = note_faults(text="Mild Lupus\ud83d")

    assert the_only(found).startswith(
        "hospital/train.jsonl:1: text: found half a character (a lone surrogate) at offset 10"
    )


def test_an_unknown_type_is_told_with_those_there_are() -> None:
    found = the_only(entity_faults(type="disease")[:1])

    assert found.startswith(
        "hospital/train.jsonl:1: entities[1].type: found a text of 7 characters, expected one"
    )
    assert "of problem, treatment, test, drug" in found


def test_an_unknown_relation_type_is_told() -> None:
    found = str(relation_faults(type="has_severity")[0])

    assert "relations[0].type: found a text of 12 characters, expected one of bodyloc, " in found


@pytest.mark.parametrize("value", ["Lupine", "lupus2", "acute rash", "4711", "a47110", "T1²", "x"])
def test_a_value_that_may_be_from_the_note_is_told_by_its_length(value: str) -> None:
    one_text = f"found a text of {len(value)} character"

    told = [
        entity_faults(type=value)[0],
        relation_faults(type=value)[0],
        *relation_faults(tail=value),
        *note_faults(site=value),
        *faults(train=lines(record(value), record(value)))[:1],
        *note_faults(entities=[e | {"id": value} for e in record()["entities"]], relations=[]),
        *faults(train=f'{{"{value}": 1, "{value}": 2}}'.encode()),
    ]

    assert len(told) == 7
    assert [str(fault) for fault in told if one_text not in str(fault)] == []
    assert [str(fault) for fault in told if f"'{value}'" in str(fault)] == []


def test_a_word_of_a_note_that_looks_like_an_id_is_told_by_its_length() -> None:
    told = [
        entity_faults(type="B12")[0],
        relation_faults(type="B12")[0],
        *note_faults(site="B12"),
        *faults(train=b'{"B12": 1, "B12": 2}'),
    ]

    assert len(told) == 4
    assert [str(fault) for fault in told if "found a text of 3 characters" not in str(fault)] == []


def test_a_type_that_the_site_does_not_announce_is_told() -> None:
    (entity,) = entity_faults(type="drug", start=5)
    description = DESCRIPTION | {"relations": []}
    (first, second) = faults(description=description)

    assert entity.expected == "a type that site.json lists"
    assert (first.where, first.found) == ("hospital/train.jsonl:1: relations[0].type", "'severity'")
    assert second.where == "hospital/dev.jsonl:1: relations[0].type"


def test_a_note_id_used_twice_is_told_with_both_places() -> None:
    assert the_only(faults(dev=lines(record("n2"), record("n1")))) == (
        "hospital/dev.jsonl:2: id: found 'n1', the id of the note at hospital/train.jsonl:1 too,"
        " expected an id of its own"
    )


def test_an_entity_id_used_twice_is_told() -> None:
    found = note_faults(entities=[*record()["entities"], record()["entities"][0]])

    assert the_only(found) == (
        "hospital/train.jsonl:1: entities[2].id: found 'T1', the id of entities[0] too,"
        " expected an id of its own"
    )


@pytest.mark.parametrize("end", ["head", "tail"])
def test_a_relation_to_nowhere_is_told(end: str) -> None:
    assert the_only(relation_faults(**{end: "T9"})) == (
        f"hospital/train.jsonl:1: relations[0].{end}: found 'T9', which no entity has,"
        " expected the id of an entity of the note"
    )


def test_a_relation_goes_from_a_main_entity_to_what_it_names() -> None:
    ends = "hospital/train.jsonl:1: relations[0]"
    main = "problem or treatment or test or drug"

    found = relation_faults(head="T1", tail="T2")

    assert [str(fault) for fault in found] == [
        f"{ends}.head: found an entity of type severity, expected one of type {main}",
        f"{ends}.tail: found an entity of type problem, expected one of type severity",
    ]


def test_a_cross_relation_goes_to_a_main_entity() -> None:
    description = DESCRIPTION | {"relations": ["severity", "causes"]}
    note = record() | {"relations": [{"type": "causes", "head": "T2", "tail": "T1"}]}

    found = the_only(faults(train=lines(note), description=description))

    assert (
        "relations[0].tail: found an entity of type severity, expected one of type problem" in found
    )


def test_a_note_of_another_site_is_told() -> None:
    assert the_only(note_faults(site="b")) == (
        "hospital/train.jsonl:1: site: found a text of 1 character, expected 'a' as in site.json"
    )


@pytest.mark.parametrize(
    ("text", "found"), [("", "an empty text"), (" \r\n", "only white space, 3 characters")]
)
def test_an_empty_note_is_told(text: str, found: str) -> None:
    assert the_only(note_faults(text=text, entities=[], relations=[])) == (
        f"hospital/train.jsonl:1: text: found {found}, expected the text of a note;"
        " leave the note out"
    )


def test_an_empty_id_is_told() -> None:
    assert "id: found an empty text" in the_only(note_faults(id=""))


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_an_empty_site_is_told(content: bytes) -> None:
    assert the_only(faults(train=content)) == (
        "hospital/train.jsonl: found no note, expected at least one note"
    )


def test_keys_beside_those_needed_are_let_be() -> None:
    assert note_faults(author="someone") == []
    assert faults(description=DESCRIPTION | {"style": "letters"}) == []


@pytest.mark.parametrize("name", ["St. Mary", "A", "", "-a", "a" * 64, "../a"])
def test_a_site_name_that_cannot_be_a_file_name_is_told(name: str) -> None:
    note = lines(record() | {"site": name})

    found = the_only(faults(description=DESCRIPTION | {"site": name}, train=note, dev=b"x")[:1])

    assert found.startswith("hospital/site.json: site: found ")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"public": 1}, "public: found a whole number, expected true or false"),
        ({"entities": "problem"}, "entities: found a text, expected a list"),
        ({"entities": ["problem", "severity", 3]}, "entities[2]: found a whole number, expected a"),
        (
            {"entities": ["problem", "severity", "sign"]},
            "entities[2]: found a text of 4 characters, expected one of",
        ),
        ({"relations": ["severity"] * 2}, "relations[1]: found the type of relations[0] again"),
        ({"site": 7}, "site: found a whole number, expected a text"),
        ({"heads": "drug"}, "heads: found a text, expected a list"),
        ({"heads": ["sign"]}, "heads[0]: found a text of 4 characters, expected one of"),
        ({"heads": ["problem"]}, "heads[0]: found the type of entities[0] too, expected it in one"),
    ],
)
def test_a_wrong_description_is_told(change: Record, expected: str) -> None:
    found = the_only(faults(description=DESCRIPTION | change))

    assert found.startswith(f"hospital/site.json: {expected}")


@pytest.mark.parametrize("key", ["site", "entities", "relations"])
def test_a_missing_key_of_the_description_is_told_and_no_note_blamed(key: str) -> None:
    description = {name: value for name, value in DESCRIPTION.items() if name != key}

    assert the_only(faults(description=description)).startswith(
        f"hospital/site.json: {key}: found no such key"
    )


def test_a_site_that_annotates_nothing_is_told() -> None:
    note = record() | {"entities": [], "relations": []}

    found = faults(
        description=DESCRIPTION | {"entities": []},
        train=lines(note),
        dev=lines(note | {"id": "n2"}),
    )

    assert "entities: found an empty list" in the_only(found)


def test_main_entities_may_be_given_as_heads_alone_and_are_read_back() -> None:
    labels = Labels(("severity",), ("severity",), heads=("problem",))
    told = DESCRIPTION | {"entities": ["severity"], "heads": ["problem"]}
    files = {"site.json": lines(told), "dev.jsonl": lines(record())}

    site = parse_site(FOLDER, files)

    assert site.labels == labels
    assert parse_site(FOLDER, render_site(site, {})) == site
    assert faults(description=told) == []


def test_heads_without_relations_are_told() -> None:
    note = record() | {"relations": []}

    found = faults(
        description=DESCRIPTION | {"entities": ["severity"], "relations": [], "heads": ["problem"]},
        train=lines(note),
        dev=lines(note | {"id": "n2"}),
    )

    assert "relations: found an empty list, expected what belongs to the" in the_only(found)


def test_a_description_that_is_not_json_is_told_with_its_line() -> None:
    assert the_only(faults(description=b'{"site": "a",\n oops}')).startswith(
        "hospital/site.json:2: found malformed JSON"
    )
    assert the_only(faults(description=b'{"site":\n "\xff"}')).startswith(
        "hospital/site.json:2: found byte 0xff at byte 3 of the line"
    )
    assert "found a list, expected an object" in the_only(faults(description=[]))


def test_all_faults_of_all_files_are_told_at_once() -> None:
    first = record("n1") | {"text": "", "site": "b", "entities": [], "relations": []}
    train = lines(first) + b"oops\n" + lines(record("n3") | {"entities": []})

    found = faults(train=train, dev=lines([]), description=DESCRIPTION | {"public": "no"})

    assert [fault.where for fault in found] == [
        "hospital/site.json: public",
        "hospital/train.jsonl:1: site",
        "hospital/train.jsonl:1: text",
        "hospital/train.jsonl:2",
        "hospital/train.jsonl:3: relations[0].head",
        "hospital/train.jsonl:3: relations[0].tail",
        "hospital/dev.jsonl:1",
    ]


def test_two_faults_of_one_entity_are_both_told() -> None:
    found = entity_faults(type="disease", end=99)

    assert [fault.where.partition(": ")[2] for fault in found] == [
        "entities[1].type",
        "entities[1].end",
    ]


NOTE = Note("n1", "a", "Mild pain.", (Entity("T1", "problem", 5, 9),), ())
SITE = SiteNotes("a", Labels(("problem",), ()), public=False, splits={"dev": (NOTE,)})


def with_note(**changes: Any) -> SiteNotes:  # noqa: ANN401 -- any field
    return replace(SITE, splits={"dev": (replace(NOTE, **changes),)})


@pytest.mark.parametrize(
    "other",
    [
        replace(SITE, name="b"),
        replace(SITE, public=True),
        replace(SITE, labels=Labels(("problem", "drug"), ())),
        replace(SITE, labels=Labels(("problem",), (), heads=("drug",))),
        replace(SITE, splits={"train": (NOTE,)}),
        replace(SITE, splits={"dev": (NOTE, replace(NOTE, id="n2"))}),
        with_note(text="Mild pair."),
        with_note(entities=(Entity("T1", "problem", 4, 9),)),
        with_note(relations=(Relation("severity", "T1", "T1"),)),
        with_note(patient="p1"),
    ],
)
def test_whatever_changes_in_a_site_changes_its_digest(other: SiteNotes) -> None:
    assert site_digest(other) != site_digest(SITE)


def test_a_digest_stays_the_same_so_that_it_can_be_pinned() -> None:
    again = replace(SITE, splits=dict(SITE.splits))

    # A change of how files are written would make every pinned digest void.
    assert (
        site_digest(again)
        == site_digest(SITE)
        == ("b99c90af1bb52dbf0bcd8cdb060a14f14e3d54fe2205dc83d1baa2bee01b446f")
    )
