import json
from pathlib import Path

import pytest
from tests.cli.conftest import MARKER, Shell

from fedmedlora.synthetic.hospitals import synthesize

GOOD = {
    "id": "n1",
    "site": "heart",
    "text": f"{MARKER} has pain.",
    "entities": [{"id": "T1", "type": "problem", "start": 14, "end": 18, "text": "pain"}],
    "relations": [],
}


def site(folder: Path, *notes: object, **description: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    about = {"site": "heart", "entities": ["problem"], "relations": [], **description}
    (folder / "site.json").write_text(json.dumps(about), encoding="utf-8")
    lines = "".join(f"{json.dumps(note)}\n" for note in notes or [GOOD])
    (folder / "train.jsonl").write_text(lines, encoding="utf-8")
    dev = json.dumps({**GOOD, "id": "d1", "text": f"{MARKER} had pain."})
    (folder / "dev.jsonl").write_text(f"{dev}\n", encoding="utf-8")
    return folder


FAULTY = (
    {**GOOD, "id": ""},
    {**GOOD, "id": "n2", "text": f"{MARKER} has no such thing."},
    {**GOOD, "id": "n3", "relations": [{"type": "severity", "head": "T1", "tail": "T9"}]},
    {**GOOD, "id": "n4", "site": "bones"},
    {**GOOD, "id": "n4", MARKER: 1},
    {**GOOD, "id": "n5", "text": ""},
)


def test_a_right_folder_is_said_to_be_right(shell: Shell, tmp_path: Path) -> None:
    folder = site(tmp_path / "heart")

    said = shell("data", "check", folder)

    assert (said.code, said.err) == (0, "")
    assert said.out == f"{folder}: no fault in 1 train, 1 dev notes\n"


def test_a_right_folder_as_json(shell: Shell, tmp_path: Path) -> None:
    said = shell("data", "check", site(tmp_path), "--json")

    assert said.code == 0
    assert json.loads(said.out) == {"site": "heart", "notes": {"train": 1, "dev": 1}, "faults": []}


def test_every_fault_is_listed_with_its_line_and_no_text(shell: Shell, tmp_path: Path) -> None:
    folder = site(tmp_path, *FAULTY)

    said = shell("data", "check", folder)

    assert (said.code, said.out) == (2, "")
    lines = said.err.splitlines()
    assert {line.split(": ")[0].rpartition(":")[2] for line in lines} == set("123456")
    assert all(": found " in line and ", expected " in line for line in lines)
    assert MARKER not in said.err


def test_faults_as_json_are_one_object_and_still_wrong_input(shell: Shell, tmp_path: Path) -> None:
    said = shell("data", "check", site(tmp_path, *FAULTY), "--json")

    assert (said.code, said.err) == (2, "")
    faults = json.loads(said.out)["faults"]
    assert len(faults) >= 6
    assert set(faults[0]) == {"where", "found", "expected", "advice"}
    assert MARKER not in said.out


def test_a_line_that_is_not_json_is_told_without_its_text(shell: Shell, tmp_path: Path) -> None:
    folder = site(tmp_path)
    (folder / "train.jsonl").write_text(f'{{"text": "{MARKER}\n', encoding="utf-8")
    (folder / "dev.jsonl").write_bytes(f"{MARKER} \xe4\n".encode("latin-1"))

    said = shell("data", "check", folder)

    assert said.code == 2
    assert "train.jsonl:1: " in said.err
    assert "dev.jsonl" in said.err
    assert MARKER not in said.err


def test_no_folder_is_no_site(shell: Shell, tmp_path: Path) -> None:
    said = shell("data", "check", tmp_path / "gone")

    assert said.code == 2
    assert said.err == f"{tmp_path / 'gone'}: found no such folder, expected a site folder\n"


def test_a_servers_folder_needs_dev_notes_alone(shell: Shell, tmp_path: Path) -> None:
    folder = site(tmp_path, role="server")
    (folder / "train.jsonl").unlink()

    assert shell("data", "check", folder).code == 0
    assert shell("data", "stats", folder).code == 0

    site(tmp_path, role="train")
    (folder / "train.jsonl").unlink()
    assert shell("data", "check", folder).code == 2


@pytest.mark.parametrize("text", ["[]", "{", "\xff"])
def test_a_description_that_cannot_be_read_is_a_fault_of_its_own(
    shell: Shell, tmp_path: Path, text: str
) -> None:
    folder = site(tmp_path)
    (folder / "site.json").write_bytes(text.encode("latin-1"))

    said = shell("data", "check", folder)

    assert said.code == 2
    assert "site.json" in said.err


def test_what_a_site_has_is_readable(shell: Shell, tmp_path: Path) -> None:
    said = shell("data", "stats", site(tmp_path, public=True))

    assert said.code == 0
    assert said.out.startswith(
        "site: heart\npublic: yes\nlabels\n  entities: problem\n  relations: none\nsplits\n"
        "  train\n    notes: 1\n"
    )
    assert MARKER not in said.out
    assert not [line for line in said.out.splitlines() if "{" in line or "[" in line]


def test_what_a_site_has_as_json(shell: Shell, tmp_path: Path) -> None:
    said = shell("data", "stats", site(tmp_path), "--json")

    assert json.loads(said.out)["splits"]["train"]["notes"] == 1


def test_hospitals_are_written_twice_to_the_same_bytes(shell: Shell, tmp_path: Path) -> None:
    first = shell("data", "synthesize", "--out", tmp_path / "all", "--notes", 6)
    written = {path: path.read_bytes() for path in tmp_path.rglob("*.json*")}
    second = shell("data", "synthesize", "--out", tmp_path / "all", "--notes", 6)

    assert (first.code, second.code, second.err) == (0, 0, "")
    assert first.out == f"{tmp_path / 'all'}\n"
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.json*")} == written
    assert {path.name for path in (tmp_path / "all").iterdir()} == set(synthesize(num_notes=6))
    for folder in (tmp_path / "all").iterdir():
        assert shell("data", "check", folder).code == 0


def test_other_hospitals_do_not_take_the_place_of_those_there(shell: Shell, tmp_path: Path) -> None:
    shell("data", "synthesize", "--out", tmp_path, "--notes", 6)
    before = (tmp_path / "cardiology" / "dev.jsonl").read_bytes()

    said = shell("data", "synthesize", "--out", tmp_path, "--notes", 6, "--seed", 1)

    assert said.code == 2
    assert "found other content" in said.err
    assert (tmp_path / "cardiology" / "dev.jsonl").read_bytes() == before


def test_fewer_notes_than_sites_are_refused(shell: Shell, tmp_path: Path) -> None:
    said = shell("data", "synthesize", "--out", tmp_path, "--notes", 4)

    assert (said.code, said.out) == (2, "")
    assert said.err == "--notes: found 4, expected a training note for each site at least\n"


def test_where_hospitals_cannot_be_written_one_line_says_so(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")

    said = shell("data", "synthesize", "--out", tmp_path / "file" / "all", "--notes", 6)

    assert (said.code, said.out) == (3, "")
    assert said.err.count("\n") == 1
    assert "Not a directory" in said.err
