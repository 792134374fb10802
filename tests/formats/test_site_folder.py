import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.full_disk import files_of_at_most

from fedmedlora.clinical.labels import CROSS_RELATIONS, ENTITY_TYPES, MAIN_TYPES, RELATION_TYPES
from fedmedlora.clinical.notes import Entity, Labels, Note, Relation, SiteNotes
from fedmedlora.errors import InputError, StoreError
from fedmedlora.formats.site_folder import read_site, write_site

OPEN_SITES = Path(__file__).parents[3] / "shared" / "data" / "sites"


def one_note(id_: str = "n1", text: str = "Severe pain.\r\nBetter.") -> Note:
    entities = (Entity("T1", "severity", 0, 6), Entity("T2", "problem", 7, 11))
    return Note(id_, "a", text, entities, (Relation("severity", "T2", "T1"),))


def one_site(*, train: tuple[Note, ...] = (one_note(),)) -> SiteNotes:
    labels = Labels(("problem", "severity"), ("severity",))
    splits = {"train": train, "dev": (one_note("n2"),)}
    return SiteNotes("a", labels, public=False, splits=splits)


@st.composite
def notes(draw: st.DrawFn, id_: str) -> Note:
    text = draw(
        st.text(st.sampled_from("ab \r\n\u2028é😀") | st.characters(codec="utf-8"), min_size=1)
    )
    text = text if text.strip() else text + "x"
    names = draw(st.lists(st.text(), unique=True, max_size=4))
    entities = []
    for name in names:
        start = draw(st.integers(0, len(text) - 1))
        end = draw(st.integers(start + 1, len(text)))
        if text[start:end].strip():
            entities.append(Entity(name, draw(st.sampled_from(ENTITY_TYPES)), start, end))
    relations = [
        Relation(draw(st.sampled_from(fitting)), head.id, tail.id)
        for head in entities
        for tail in entities
        if head.type in MAIN_TYPES
        for fitting in [CROSS_RELATIONS if tail.type in MAIN_TYPES else (tail.type,)]
    ]
    patient = draw(st.none() | st.text(min_size=1))
    return Note(id_, "a-site", text, tuple(entities), tuple(relations), patient)


@st.composite
def sites(draw: st.DrawFn) -> SiteNotes:
    ids = iter(draw(st.lists(st.text(min_size=1), min_size=8, max_size=8, unique=True)))
    splits = {
        split: tuple(draw(notes(next(ids))) for _ in range(draw(st.integers(1, 2))))
        for split in ("train", "dev", *draw(st.sets(st.sampled_from(["test", "extra"]))))
    }
    labels = Labels(ENTITY_TYPES, RELATION_TYPES)
    return SiteNotes("a-site", labels, public=draw(st.booleans()), splits=splits)


@given(sites())
def test_what_is_written_is_read_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, site: SiteNotes
) -> None:
    folder = tmp_path_factory.mktemp("site") / "new"

    write_site(folder, site)

    assert read_site(folder) == site


def test_the_same_notes_give_the_same_bytes(tmp_path: Path) -> None:
    write_site(tmp_path / "one", one_site())
    write_site(tmp_path / "two", one_site())

    for name in ("site.json", "train.jsonl", "dev.jsonl"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_line_is_what_the_interface_says(tmp_path: Path) -> None:
    write_site(tmp_path / "a", one_site(), role="train")

    (line,) = (tmp_path / "a" / "train.jsonl").read_bytes().removesuffix(b"\n").split(b"\n")
    assert json.loads(line) == {
        "id": "n1",
        "site": "a",
        "text": "Severe pain.\r\nBetter.",
        "entities": [
            {"id": "T1", "type": "severity", "start": 0, "end": 6, "text": "Severe"},
            {"id": "T2", "type": "problem", "start": 7, "end": 11, "text": "pain"},
        ],
        "relations": [{"type": "severity", "head": "T2", "tail": "T1"}],
    }
    assert json.loads((tmp_path / "a" / "site.json").read_bytes()) == {
        "site": "a",
        "entities": ["problem", "severity"],
        "relations": ["severity"],
        "public": False,
        "role": "train",
    }


def test_line_breaks_inside_a_text_stay_as_they_are(tmp_path: Path) -> None:
    write_site(tmp_path / "a", one_site(train=(one_note(text="Severe pain\r\n\u2028\x85\rok"),)))

    assert read_site(tmp_path / "a").splits["train"][0].text == "Severe pain\r\n\u2028\x85\rok"


def test_files_with_windows_line_ends_and_white_lines_are_read(tmp_path: Path) -> None:
    write_site(tmp_path / "a", one_site())
    path = tmp_path / "a" / "train.jsonl"
    path.write_bytes(b"\n" + path.read_bytes().replace(b"\n", b"\r\n") + b" \n")

    assert read_site(tmp_path / "a") == one_site()


def test_notes_are_private_unless_the_site_says_public(tmp_path: Path) -> None:
    write_site(tmp_path / "a", one_site())
    description = {"site": "a", "entities": ["problem", "severity"], "relations": ["severity"]}
    (tmp_path / "a" / "site.json").write_text(json.dumps(description), "utf-8")

    assert read_site(tmp_path / "a").public is False


def test_the_splits_that_must_be_there_can_be_chosen(tmp_path: Path) -> None:
    write_site(tmp_path / "a", one_site())
    (tmp_path / "a" / "train.jsonl").unlink()

    assert set(read_site(tmp_path / "a", required=("dev",)).splits) == {"dev"}
    with pytest.raises(InputError, match=r"test\.jsonl: found no such file"):
        read_site(tmp_path / "a", required=("test",))


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: found no such folder, expected a site folder"):
        read_site(tmp_path / "nowhere")


def test_every_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_site(tmp_path)

    assert [Path(fault.where).name for fault in caught.value.faults] == [
        "site.json",
        "train.jsonl",
        "dev.jsonl",
    ]


def test_a_folder_in_the_place_of_a_file_is_told(tmp_path: Path) -> None:
    write_site(tmp_path / "a", one_site())
    (tmp_path / "a" / "test.jsonl").mkdir()

    with pytest.raises(InputError, match=r"test\.jsonl: found 'Is a directory' on reading"):
        read_site(tmp_path / "a")


def test_what_a_kill_left_is_in_nobodys_way(tmp_path: Path) -> None:
    write_site(tmp_path / "a", one_site())
    (tmp_path / "a" / "dev.jsonl").unlink()
    (tmp_path / "a" / ".dev.jsonl.1f2e3d4c.part").write_bytes(b"half a no")

    write_site(tmp_path / "a", one_site())

    assert read_site(tmp_path / "a") == one_site()
    assert (tmp_path / "a" / "dev.jsonl").is_file()


def test_a_folder_with_other_notes_is_not_written_over(tmp_path: Path) -> None:
    write_site(tmp_path / "a", one_site())
    before = (tmp_path / "a" / "train.jsonl").read_bytes()
    other = one_site(train=(one_note("other"),))

    with pytest.raises(InputError, match=r"train\.jsonl: found other content"):
        write_site(tmp_path / "a", other)

    assert (tmp_path / "a" / "train.jsonl").read_bytes() == before


def test_a_folder_with_other_files_is_not_mixed_with(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("x", "utf-8")

    with pytest.raises(InputError, match=r"thesis\.txt: found a file of something else"):
        write_site(tmp_path, one_site())

    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_in_the_place_of_the_folder_stays(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x", "utf-8")

    with pytest.raises(InputError, match="a: found a file, expected a folder"):
        write_site(tmp_path / "a", one_site())


def test_a_full_disk_leaves_the_old_file_and_no_half_file(tmp_path: Path) -> None:
    write_site(tmp_path / "a", one_site())
    old = (tmp_path / "a" / "train.jsonl").read_bytes()

    with files_of_at_most(10), pytest.raises(StoreError, match="found 'File too large' on writing"):
        write_site(tmp_path / "a", one_site())

    assert (tmp_path / "a" / "train.jsonl").read_bytes() == old
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["dev.jsonl", "site.json", "train.jsonl"]


def test_notes_that_could_not_be_read_are_not_written(tmp_path: Path) -> None:
    bad = Note("n1", "b", "Pain \ud800", (Entity("T1", "problem", 0, 99),), ())

    with pytest.raises(InputError):
        write_site(tmp_path / "a", one_site(train=(bad,)))

    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("meta", [{"public": True}, {"entities": []}])
def test_other_keys_cannot_take_the_place_of_what_the_site_says(
    tmp_path: Path, meta: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="neither a free key"):
        write_site(tmp_path / "a", one_site(), **meta)


@pytest.mark.skipif(not OPEN_SITES.is_dir(), reason="the open corpora are not beside the project")
@pytest.mark.parametrize(
    "site", ["bc5cdr", "chia", "glaucoma", "maccrobat", "ncbi_disease", "phee", "psytar"]
)
def test_the_open_corpora_have_no_fault(site: str) -> None:
    assert read_site(OPEN_SITES / site).name == site
