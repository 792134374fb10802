"""What a page answers over HTTP."""

import json
import logging
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.serving.pages import LABELS, UNSAID, read, served

from fedmedlora.clinical.notes import Labels, Note
from fedmedlora.formats.site_folder import read_site
from fedmedlora.serving.app import Served, application
from fedmedlora.serving.readers import Reader, Turns


def client(page: Served | None = None) -> TestClient:
    return TestClient(application(page or served()))


def question(text: str, reader: str = "pains") -> dict[str, Any]:
    return {"reader": reader, "text": text}


PAIN = {"id": "T1", "type": "problem", "start": 3, "end": 7}
NO = {"id": "M1", "type": "negation", "start": 0, "end": 2}
TIED = {"type": "negation", "head": "T1", "tail": "M1"}
CORRECTION = {"text": "No pain.", "entities": [PAIN, NO], "relations": [TIED]}


def test_a_desk_says_what_there_is() -> None:
    desk = client().get("/api/desk").json()

    assert [one["name"] for one in desk["readers"]] == ["pains", "nothing"]
    assert desk["readers"][0]["caution"] == "not for clinical use"
    assert (desk["saves"], desk["federation"]) == (False, False)
    assert "severity" in desk["entities"]


def test_heads_that_a_site_is_given_may_be_marked() -> None:
    labels = Labels(("severity",), ("severity",), heads=("problem",))

    desk = client(replace(served(), labels=labels)).get("/api/desk").json()

    assert desk["entities"] == ["severity", "problem"]


def test_a_text_is_read_by_the_reader_that_was_asked() -> None:
    found = client().post("/api/readings", json=question("No pain?")).json()
    nothing = client().post("/api/readings", json=question("No pain?", "nothing")).json()

    whole: dict[str, Any] = {"fragments": [], "confidence": None}
    assert found["entities"] == [PAIN | whole | {"confidence": 0.75}, NO | whole]
    assert found["relations"] == [TIED]
    assert found["lost"] == {"unreadable": 1}
    assert nothing["entities"] == []


def test_offsets_count_characters_not_bytes_and_not_utf_16() -> None:
    found = client().post("/api/readings", json=question("\U0001f600 é pain")).json()

    assert (found["entities"][0]["start"], found["entities"][0]["end"]) == (4, 8)


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ({"reader": "none", "text": "pain"}, 404, "no reader of that name"),
        ({"reader": "pains", "text": " \n"}, 422, "text: found white space alone"),
        ({"reader": "pains", "text": ""}, 422, "body.text: string_too_short"),
        ({"reader": "pains", "text": "a" * 100_001}, 422, "body.text: string_too_long"),
        ({"reader": "pains"}, 422, "body.text: missing"),
        ({"reader": "pains", "text": "pain", "more": 1}, 422, "body.more: extra_forbidden"),
    ],
)
def test_what_cannot_be_read_is_told(asked: dict[str, str], status: int, said: str) -> None:
    answer = client().post("/api/readings", json=asked)

    assert answer.status_code == status
    assert answer.json()["problems"][0].startswith(said)


def test_no_answer_and_no_log_repeats_a_note(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    page = client(served(save=tmp_path / "kept"))
    wrong = [
        page.post("/api/readings", json={"reader": "pains", "text": [UNSAID]}),
        page.post("/api/readings", content=f'{{"text": "{UNSAID}'.encode()),
        page.put("/api/notes/a", json=CORRECTION | {"entities": [PAIN | {"type": UNSAID}]}),
        page.put("/api/notes/a", json=CORRECTION | {"text": UNSAID}),
        page.put("/api/notes/a", json=CORRECTION | {"relations": [TIED | {"head": UNSAID}]}),
    ]

    assert {answer.status_code for answer in wrong} == {422}
    assert not any(UNSAID in answer.text for answer in wrong)
    assert UNSAID not in caplog.text


def test_who_comes_while_enough_wait_is_asked_to_come_again() -> None:
    let_go, begun = threading.Event(), threading.Event()

    def slowly(text: str) -> Note:
        begun.set()
        assert let_go.wait(timeout=60)
        return read(text)

    slow = {"pains": Reader("pains", "", LABELS, "", slowly)}
    page = client(replace(served(), readers=slow, turns=Turns(most_waiting=0)))
    answers: list[int] = []
    asked = question("pain")
    first = threading.Thread(
        target=lambda: answers.append(page.post("/api/readings", json=asked).status_code)
    )
    first.start()
    assert begun.wait(timeout=60)

    second = page.post("/api/readings", json=asked)
    let_go.set()
    first.join()

    assert second.status_code == 429
    assert answers == [200]
    assert page.post("/api/readings", json=asked).status_code == 200


def test_notes_at_hand_are_texts_of_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "notes" / "ward"
    folder.mkdir(parents=True)
    (folder / "a.txt").write_bytes(b"No\r\npain \xc3\xa9.")

    page = client(served(notes=tmp_path / "notes"))

    assert page.get("/api/notes").json() == [
        {"id": "ward/a.txt", "characters": 11, "corrected": False}
    ]
    assert page.get("/api/notes/ward/a.txt").json()["text"] == "No\r\npain é."
    assert page.get("/api/notes/ward/b.txt").status_code == 404


def test_a_correction_becomes_a_training_note_and_comes_back(tmp_path: Path) -> None:
    page = client(served(save=tmp_path / "kept"))

    said = page.put("/api/notes/ward/n1", json=CORRECTION).json()
    again = page.put("/api/notes/ward/n1", json=CORRECTION | {"relations": []})
    page.put("/api/notes/n2", json=CORRECTION)

    assert said == {"id": "ward/n1", "split": "train"}
    assert again.status_code == 200
    kept = read_site(tmp_path / "kept", required=())
    assert kept.name == "kept"
    assert [(note.id, len(note.relations)) for note in kept.splits["train"]] == [
        ("ward/n1", 0),
        ("n2", 1),
    ]
    assert not kept.public
    assert page.get("/api/notes/ward/n1").json()["corrected"]


def test_nothing_is_kept_where_no_folder_was_named() -> None:
    answer = client().put("/api/notes/n1", json=CORRECTION)

    assert answer.status_code == 404
    assert "--save" in answer.text


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"entities": [PAIN | {"end": 9}]}, "entities[0].end: found 9"),
        ({"entities": [PAIN, PAIN]}, "entities[1].id: found 'T1'"),
        ({"relations": [TIED | {"tail": "M9"}]}, "relations[0].tail: found 'M9'"),
        ({"relations": [TIED | {"head": "M1"}]}, "relations[0].head: found an entity of type"),
    ],
)
def test_a_correction_that_no_site_may_hold_is_refused(
    tmp_path: Path, change: dict[str, Any], where: str
) -> None:
    page = client(served(save=tmp_path / "kept"))

    answer = page.put("/api/notes/n1", json=CORRECTION | change)

    assert answer.status_code == 422
    assert answer.json()["problems"][0].startswith(where)
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/page/page.js", "text/javascript; charset=utf-8"),
        ("/page/report.css", "text/css; charset=utf-8"),
        ("/page/icon.svg", "image/svg+xml"),
    ],
)
def test_the_page_comes_with_its_types(path: str, kind: str) -> None:
    answer = client().get(path)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == kind


@pytest.mark.parametrize(
    "path", ["/page/__init__.py", "/page/%2e%2e%2fapp.py", "/page/no.js", "/docs", "/x"]
)
def test_nothing_else_is_served(path: str) -> None:
    assert client().get(path).status_code == 404


def test_a_page_loads_nothing_from_another_host() -> None:
    page = client()
    names = ["", *(f"page/{name}" for name in ("page.css", "report.css", "page.js", "text.js"))]

    texts = [page.get(f"/{name}").text for name in names]

    assert not any(
        "//" in line.split("//www.w3.org")[0] and "http" in line
        for text in texts
        for line in text.splitlines()
    )


def test_the_interface_describes_itself() -> None:
    paths = json.loads(client().get("/openapi.json").text)["paths"]

    assert sorted(paths) == [
        "/api/desk",
        "/api/federation",
        "/api/notes",
        "/api/notes/{note_id}",
        "/api/readings",
    ]
