"""BioC as other tools write it."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from tests.formats.exchange.invented import HARD, read, write

from fedmedlora.clinical.notes import Entity, Note, Relation
from fedmedlora.formats.exchange.bioc import FORMAT

UNSAID = "Lupus"
PASSAGES = """
<passage><infon key="type">title</infon><offset>0</offset><text>Größe</text></passage>
<passage><offset>{gap}</offset><text>Mild Lupus.</text>
<annotation id="1"><infon key="type">severity</infon><location offset="{mild}" length="4"/>
<text>Mild</text></annotation>
<annotation id="2"><infon key="type">problem</infon><location length="5" offset="{lupus}"/>
<text>Lupus</text></annotation>
<relation id="R1"><infon key="type">severity</infon>{nodes}</relation></passage>
"""
NODES = '<node refid="1" role="tail"/><node refid="2" role="head"/>'


def file(folder: Path, passages: str, head: str = "") -> Path:
    path = folder / "notes.xml"
    text = f"{head}<collection><document><id> 17 </id>{passages}</document></collection>"
    path.write_text(text, encoding="utf-8")
    return path


def passages(**changes: object) -> str:
    # "Größe" has five characters in seven bytes; a line's end lies between the passages.
    places = {"gap": 6, "mild": 6, "lupus": 11, "nodes": NODES} | changes
    return PASSAGES.format_map(places)


def the_fault(source: Path) -> str:
    notes, (fault,), _ = read(FORMAT, source)
    assert notes == []
    assert UNSAID not in fault
    return fault.removeprefix(str(source))


def test_passages_and_roles_are_read(tmp_path: Path) -> None:
    (note,), faults, unread = read(FORMAT, file(tmp_path, passages()))

    assert (faults, unread) == ([], [])
    assert (note.id, note.text) == ("17", "Größe\nMild Lupus.")
    assert note.entities == (Entity("1", "severity", 6, 10), Entity("2", "problem", 11, 16))
    assert note.relations == (Relation("severity", "2", "1"),)


def test_offsets_in_bytes_are_seen_to_be_such(tmp_path: Path) -> None:
    # "Größe, Lupus": the L is character 7 and byte 9.
    one = (
        "<passage><offset>0</offset><text>Größe, Lupus</text>"
        '<annotation id="1"><infon key="type">problem</infon>'
        '<location offset="{at}" length="5"/><text>Lupus</text></annotation></passage>'
    )

    for at in (7, 9):
        (note,), faults, _ = read(FORMAT, file(tmp_path, one.format(at=at)))
        assert (note.entities, faults) == ((Entity("1", "problem", 7, 12),), [])

    assert "does not stand at its offsets" in the_fault(file(tmp_path, one.format(at=6)))


@pytest.mark.parametrize("text", ["", "<text></text>"])
def test_sentences_are_read_where_a_passage_has_no_text(tmp_path: Path, text: str) -> None:
    sentences = (
        "<passage><offset>5</offset>{text}"
        "<sentence><offset>5</offset><text>Well.</text></sentence>"
        "<sentence><offset>11</offset><text>No pain.</text>"
        '<annotation id="a"><infon key="type">problem</infon><location offset="14" length="4"/>'
        "<text>pain</text></annotation></sentence></passage>"
    )

    (note,), faults, _ = read(FORMAT, file(tmp_path, sentences.format(text=text)))

    assert faults == []
    assert note.text == "Well. No pain."
    assert note.entities == (Entity("a", "problem", 9, 13),)


def test_ids_used_in_two_passages_are_told_apart(tmp_path: Path) -> None:
    one = (
        "<passage><offset>{at}</offset><text>Mild rash.</text>"
        '<annotation id="1"><infon key="type">severity</infon>'
        '<location offset="{at}" length="4"/></annotation>'
        '<annotation id="2"><infon key="type">problem</infon>'
        '<location offset="{rash}" length="4"/></annotation>'
        '<relation><infon key="type">severity</infon><node refid="2" role="head"/>'
        '<node refid="1" role="tail"/></relation></passage>'
    )
    both = one.format(at=0, rash=5) + one.format(at=11, rash=16)

    (note,), *_ = read(FORMAT, file(tmp_path, both))

    assert [(r.head, r.tail) for r in note.relations] == [("T2", "T1"), ("T4", "T3")]


def test_nodes_without_roles_are_head_and_tail_in_their_order(tmp_path: Path) -> None:
    nodes = '<node refid="2" role="Chemical"/><node refid="1" role=""/>'

    (note,), *_ = read(FORMAT, file(tmp_path, passages(nodes=nodes)))

    assert note.relations == (Relation("severity", "2", "1"),)


@pytest.mark.parametrize("nodes", ["", '<node refid="1"/>', '<node refid="1"/><node refid="9"/>'])
def test_a_relation_of_something_else_is_counted(tmp_path: Path, nodes: str) -> None:
    (note,), faults, unread = read(FORMAT, file(tmp_path, passages(nodes=nodes)))

    assert (note.relations, faults) == ((), [])
    assert unread == ["relations that are not of two entities"]


def test_what_xml_cannot_write_stands_as_another_character(tmp_path: Path) -> None:
    written = Note("n1", "", "a\x0c\r\nb", (Entity("T1", "problem", 0, 4),), ())
    write(tmp_path, FORMAT, [written])

    root = ET.fromstring((tmp_path / "notes.xml").read_bytes())  # noqa: S314 -- our own
    assert root.findtext(".//passage/text") == "a\ufffd\r\nb"
    assert read(FORMAT, tmp_path)[0] == [written]


def test_any_parser_reads_the_offsets_of_what_is_written(tmp_path: Path) -> None:
    write(tmp_path, FORMAT, [HARD])

    root = ET.fromstring((tmp_path / "notes.xml").read_bytes())  # noqa: S314 -- our own
    text = root.findtext(".//passage/text") or ""
    places = [(int(at.attrib["offset"]), int(at.attrib["length"])) for at in root.iter("location")]
    assert text == HARD.text
    assert [text[at : at + length] for at, length in places][3:5] == ["pain of", "leg"]


def collection(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 -- any JSON value
    annotation = {
        "id": "1",
        "infons": {"type": "problem"},
        "text": "pain",
        "locations": [{"offset": 3, "length": 4}],
    }
    passage = {"offset": 0, "infons": {}, "text": "No pain.", "annotations": [annotation]}
    document = {"id": "17", "infons": {"patient": "4"}, "passages": [passage | changes]}
    return {"source": "", "documents": [document]}


def json_file(folder: Path, value: object) -> Path:
    path = folder / "notes.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def test_json_is_read(tmp_path: Path) -> None:
    (note,), faults, _ = read(FORMAT, json_file(tmp_path, collection()))

    assert faults == []
    assert note == Note("17", "", "No pain.", (Entity("1", "problem", 3, 7),), (), "4")


@pytest.mark.parametrize("value", [[], {}, {"documents": {}}, 7, None])
def test_json_that_is_no_collection_is_told(tmp_path: Path, value: object) -> None:
    fault = the_fault(json_file(tmp_path, value))

    assert fault == ": found no list of documents, expected a BioC collection: `documents`"


@pytest.mark.parametrize("offset", ["x", -1, None, [], 1.5])
def test_an_offset_that_is_none_is_told_with_its_key(tmp_path: Path, offset: object) -> None:
    source = json_file(tmp_path, collection(offset=offset))

    assert the_fault(source).startswith(": documents[0].passages[0]: found a text of ")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"lupus": 12}, ":6: found a text of 5 characters that does not stand at its offsets"),
        ({"lupus": 99}, ":6: found offsets 99 to 104, expected a span of the note's text"),
        ({"lupus": "Lupus"}, ":6: found a text of 5 characters as offset, expected a whole number"),
        ({"gap": 5000}, ":3: found an offset 4995 behind the last text, expected passages one"),
        ({"gap": 4}, ":3: found an offset 1 before the last text, expected passages one behind"),
    ],
)
def test_wrong_offsets_are_told_by_file_and_line(
    tmp_path: Path, changes: dict[str, object], told: str
) -> None:
    assert the_fault(file(tmp_path, passages(**changes))).startswith(told)


def test_malformed_xml_is_told_and_what_stands_before_it_read(tmp_path: Path) -> None:
    source = file(tmp_path, f"{passages()}</document>\n<Lupus></x>")

    notes, (fault,), _ = read(FORMAT, source)

    assert len(notes) == 1
    assert fault.removeprefix(str(source)) == (
        ":10: found XML that is not well formed (mismatched tag), expected a BioC collection"
    )


def test_entities_of_ones_own_are_refused(tmp_path: Path) -> None:
    head = '<!DOCTYPE collection [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]>'

    assert the_fault(file(tmp_path, passages(), head)).startswith(
        ":1: found a declaration of an entity"
    )


def test_documents_are_read_one_by_one(tmp_path: Path) -> None:
    source = file(tmp_path, passages())
    with source.open("a", encoding="utf-8") as broken:
        broken.write("<")
    assert FORMAT.read is not None

    assert isinstance(next(iter(FORMAT.read(source))), Note)
