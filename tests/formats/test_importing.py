import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.formats.exchange.invented import HARD, PLAIN, write

from fedmedlora.clinical.notes import Entity, Note, Relation
from fedmedlora.errors import InputError
from fedmedlora.formats.importing import import_site
from fedmedlora.formats.note_format import note_formats

JSONL, BRAT, N2C2 = (note_formats()[name] for name in ("jsonl", "brat", "n2c2"))
UNSAID = "Lupus"


def note(id_: str, patient: str | None = None) -> Note:
    return Note(id_, "heart", "No pain.", (Entity("T1", "problem", 3, 7),), (), patient)


def many(number: int) -> list[Note]:
    return [note(f"n{index}") for index in range(number)]


def ids(splits: object, split: str) -> set[str]:
    assert isinstance(splits, dict)
    return {one.id for one in splits[split]}


def faults(source: Path, **options: object) -> list[str]:
    given_ = {"name": None, "types": {}} | options
    with pytest.raises(InputError) as caught:
        import_site(source, JSONL, **given_)  # type: ignore[arg-type]
    assert UNSAID not in str(caught.value)
    return [str(fault) for fault in caught.value.faults]


def test_folders_called_after_splits_are_the_splits(tmp_path: Path) -> None:
    for folder, one in (("training", "a"), ("validation", "b"), ("Test", "c")):
        write(tmp_path / folder, BRAT, [note(one)])
    (tmp_path / "README").touch()

    imported = import_site(tmp_path, BRAT, name="heart", types={})

    splits = imported.site.splits
    assert [ids(splits, split) for split in ("train", "dev", "test")] == [{"a"}, {"b"}, {"c"}]
    assert imported.left_out == {"files and folders beside the splits": 1}
    assert not imported.dealt


def test_files_called_after_splits_are_the_splits(tmp_path: Path) -> None:
    for file, one in (("train-00000-of-00001", "a"), ("dev", "b")):
        write(tmp_path, JSONL, [note(one)]).joinpath("notes.jsonl").rename(
            tmp_path / f"{file}.jsonl"
        )

    imported = import_site(tmp_path, JSONL, name="heart", types={})

    assert {split: len(notes) for split, notes in imported.site.splits.items()} == {
        "dev": 1,
        "train": 1,
    }


def test_a_note_that_is_called_test_is_a_note(tmp_path: Path) -> None:
    write(tmp_path, BRAT, [note("test"), note("train"), note("n1")])

    imported = import_site(tmp_path, BRAT, name="heart", types={})

    assert sum(map(len, imported.site.splits.values())) == 3
    assert {*imported.site.splits} == {"train", "dev"}


def test_files_of_which_only_some_are_called_after_splits_are_all_read(tmp_path: Path) -> None:
    for name in ("train", "more"):
        folder = write(tmp_path / "all", JSONL, [note(name)])
        (folder / "notes.jsonl").rename(folder / f"{name}.jsonl")

    splits = import_site(tmp_path / "all", JSONL, name="heart", types={}).site.splits

    assert sum(map(len, splits.values())) == 2


def test_splits_without_one_to_train_on_are_told(tmp_path: Path) -> None:
    write(tmp_path / "test", JSONL, [note("a")])

    (fault,) = faults(tmp_path)

    assert "found only test, expected a `train` beside it" in fault


def test_the_same_source_gives_the_same_dev(tmp_path: Path) -> None:
    write(tmp_path / "one", JSONL, many(200))
    write(tmp_path / "other", JSONL, many(200)[::-1])
    write(tmp_path / "part", JSONL, many(100))

    one, other, part = (
        import_site(tmp_path / name, JSONL, name=None, types={}).site.splits
        for name in ("one", "other", "part")
    )

    assert ids(one, "dev") == ids(other, "dev")
    assert ids(part, "dev") == ids(one, "dev") & {f"n{index}" for index in range(100)}
    # Of 200 a tenth is 20; the standard deviation of that is 4.2.
    assert 8 <= len(ids(one, "dev")) <= 32


def test_all_notes_of_a_patient_are_on_one_side(tmp_path: Path) -> None:
    notes = [note(f"n{index}", patient=str(index % 20)) for index in range(100)]
    write(tmp_path, JSONL, notes)

    splits = import_site(tmp_path, JSONL, name=None, types={}).site.splits

    train, dev = ({one.patient for one in splits[split]} for split in ("train", "dev"))
    assert dev
    assert train & dev == set()


@given(st.sets(st.text(min_size=1).filter(str.isascii), min_size=2, max_size=4))
def test_there_is_one_for_train_and_one_for_dev(
    tmp_path_factory: pytest.TempPathFactory, names: set[str]
) -> None:
    folder = write(tmp_path_factory.mktemp("few"), JSONL, map(note, names))

    splits = import_site(folder, JSONL, name=None, types={}).site.splits

    assert min(len(splits["train"]), len(splits["dev"])) >= 1


def test_types_of_a_format_are_put_as_ours(tmp_path: Path) -> None:
    write(tmp_path, N2C2, [HARD, PLAIN])

    imported = import_site(tmp_path, N2C2, name="heart", types={})

    assert imported.left_out == {}
    assert imported.site.labels.entities == (
        "problem",
        "treatment",
        "drug",
        "bodyloc",
        "severity",
        "strength",
    )
    assert imported.site.labels.relations == (
        "bodyloc",
        "strength",
        "adverse_effect",
        "causes",
        "treats",
    )


def test_types_that_are_not_ours_are_counted_or_mapped(tmp_path: Path) -> None:
    entities = (Entity("T1", "Disease", 3, 7), Entity("T2", "problem", 0, 2))
    relations = (Relation("about", "T1", "T2"), Relation("causes", "T2", "T1"))
    write(tmp_path, BRAT, [Note("n1", "", "No pain.", entities, relations)])

    plain = import_site(tmp_path, BRAT, name="heart", types={})
    mapped = import_site(
        tmp_path, BRAT, name="heart", types={"Disease": "problem", "about": "causes", "X": "drug"}
    )

    assert plain.left_out == {
        "entities of type Disease": 1,
        "relations of an entity that is left out": 1,
        "relations of type about": 1,
    }
    assert mapped.left_out == {}
    assert mapped.site.labels.entities == ("problem", "drug")
    assert [r.type for r in mapped.site.splits["train"][0].relations] == ["causes", "causes"]


def test_relations_of_other_ends_than_ours_are_counted(tmp_path: Path) -> None:
    entities = (Entity("T1", "severity", 0, 2), Entity("T2", "problem", 3, 7))
    relation = Relation("severity", "T1", "T2")
    write(tmp_path, BRAT, [Note("n1", "", "No pain.", entities, (relation,))])

    imported = import_site(tmp_path, BRAT, name="heart", types={})

    assert imported.left_out == {"relations severity from severity to problem": 1}


def test_a_type_that_may_be_text_of_a_note_is_told_by_its_length(tmp_path: Path) -> None:
    record = {"id": "n1", "text": "Well.", "relations": []}
    entity = {"id": "T1", "type": f"has {UNSAID}", "start": 0, "end": 4}
    (tmp_path / "notes.jsonl").write_text(json.dumps(record | {"entities": [entity]}), "utf-8")

    imported = import_site(tmp_path, JSONL, name="heart", types={"Disease": "problem"})

    assert imported.left_out == {"entities of type that is a text of 9 characters": 1}


def test_every_fault_of_every_split_is_told(tmp_path: Path) -> None:
    for split in ("train", "dev"):
        (tmp_path / split).mkdir()
        (tmp_path / split / "notes.jsonl").write_text('{"id": 1}\n{}\n', encoding="utf-8")

    found = faults(tmp_path, types={"a": "b"})

    assert found[0].startswith("--map: found 'b', expected one of adverse_effect, bodyloc, ")
    places = [fault.partition(": found")[0] for fault in found[1:]]
    assert places == [
        f"{tmp_path}/{split}/notes.jsonl:{key}"
        for split in ("dev", "train")
        for key in ("1: id", "1: text", "2: id", "2: text")
    ]


def test_two_notes_of_one_id_are_told(tmp_path: Path) -> None:
    for split in ("train", "dev"):
        write(tmp_path / split, JSONL, [note("n1")])

    assert faults(tmp_path) == [
        f"{tmp_path}: found 2 notes with 'n1' for id, expected an id for each"
    ]


def test_the_site_is_called_as_its_notes_say_or_its_folder(tmp_path: Path) -> None:
    named = write(tmp_path / "x", JSONL, many(2))
    unnamed = write(tmp_path / "lung", BRAT, many(2))

    assert import_site(named, JSONL, name=None, types={}).site.name == "heart"
    assert import_site(unnamed, BRAT, name=None, types={}).site.name == "lung"
    assert import_site(named, JSONL, name="liver", types={}).site.name == "liver"
    assert "the site's name: found a text of 4 characters" in faults(named, name="A B!")[0]


@pytest.mark.parametrize("name", ["empty", "nowhere"])
def test_a_source_without_notes_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()

    (fault,) = faults(tmp_path / name)

    assert "found no " in fault
