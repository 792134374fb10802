import json
from pathlib import Path
from typing import Any

import pytest

from fedmedlora.clinical.notes import Labels, Note, SiteNotes
from fedmedlora.errors import InputError
from fedmedlora.formats.site_files import parse_site, render_site, site_digest
from fedmedlora.formats.site_folder import read_site, write_site

FIELDS: dict[str, Any] = {"question": "text", "options": "texts", "answer": "number"}
BESIDE: dict[str, Any] = {"question": "What for?", "options": ("pain", "fever"), "answer": 1}
NOTE = Note("n1", "a", "Aspirin.", (), (), fields=BESIDE)
SITE = SiteNotes("a", Labels((), ()), public=False, splits={"dev": (NOTE,)}, fields=FIELDS)


NAMED = "expected a name of a-z, 0-9 and _ that no note has for something else"


def files(description: dict[str, object], note: dict[str, object]) -> dict[str, bytes]:
    told = {"site": "a", "entities": [], "relations": [], "fields": FIELDS} | description
    line = {"id": "n1", "site": "a", "text": "Aspirin."} | note
    return {"site.json": json.dumps(told).encode(), "dev.jsonl": json.dumps(line).encode()}


def faults(description: dict[str, object], note: dict[str, object]) -> list[str]:
    with pytest.raises(InputError) as caught:
        parse_site(Path("a"), files(description, note))
    return [str(fault) for fault in caught.value.faults]


def test_what_stands_beside_a_note_comes_back(tmp_path: Path) -> None:
    write_site(tmp_path / "a", SITE)

    assert read_site(tmp_path / "a", required=()) == SITE


def test_a_note_may_do_without_lists_that_the_site_does_not_annotate() -> None:
    beside = {**BESIDE, "options": ["pain", "fever"]}

    assert parse_site(Path("a"), files({}, beside)) == SITE
    # A list that is there must be one.
    assert faults({}, {**beside, "entities": 7}) == [
        "a/dev.jsonl:1: entities: found a whole number, expected a list"
    ]
    assert faults({"entities": ["drug"]}, beside) == [
        "a/dev.jsonl:1: entities: found no such key, expected a list"
    ]


def test_a_site_without_them_keeps_its_digest_and_wants_types() -> None:
    bare = SiteNotes("a", Labels(("drug",), ()), public=False, splits={"dev": (NOTE,)})

    assert b"fields" not in render_site(bare, {})["site.json"]
    assert site_digest(SITE) != site_digest(SiteNotes("a", SITE.labels, False, SITE.splits))
    (told,) = faults({"fields": {}}, {"entities": [], "relations": []})
    assert told == (
        "a/site.json: entities: found an empty list, expected the types that the site annotates; "
        'or announce under "fields" what stands beside the texts'
    )


@pytest.mark.parametrize(
    ("beside", "told"),
    [
        ({}, "question: found no such key, expected a text"),
        ({"question": 7}, "question: found a whole number, expected a text"),
        ({"options": "pain"}, "options: found a text, expected a list"),
        ({"options": ["pain", 7]}, "options[1]: found a whole number, expected a text"),
        ({"answer": "1"}, "answer: found a text, expected a whole number"),
        ({"answer": True}, "answer: found true or false, expected a whole number"),
    ],
)
def test_what_is_announced_must_be_there_and_of_its_kind(
    beside: dict[str, object], told: str
) -> None:
    note = {**BESIDE, "options": ["pain", "fever"]} | beside if beside else {}

    assert f"a/dev.jsonl:1: {told}" in faults({}, note)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (["question"], "fields: found a list, expected an object"),
        (
            {"Question 1": "text"},
            f"fields, key 1: found a text of 10 characters, {NAMED}",
        ),
        (
            {"text": "text"},
            f"fields, key 1: found a text of 4 characters, {NAMED}",
        ),
        (
            {"grade": "float"},
            "fields.grade: found a text of 5 characters, expected one of text, texts, number",
        ),
        ({"grade": 1}, "fields.grade: found a whole number, expected one of text, texts, number"),
    ],
)
def test_what_can_be_announced(fields: object, told: str) -> None:
    assert f"a/site.json: {told}" in faults({"fields": fields}, {})


def test_no_fault_quotes_what_stands_beside_a_note() -> None:
    told = faults({}, {"question": "B12 of Mrs Smith", "options": ["Smith", 7], "answer": "Smith"})

    assert "Smith" not in "".join(told)
    assert len(told) == 2
