"""Commands over notes that are broken, and over runs that are, say no word of a note."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Shell, experiment
from tests.cli.test_trust import AUDIT
from tests.sentinels import LABELS, Heard, found, note, places, word

from fedmedlora.clinical.notes import SiteNotes
from fedmedlora.formats.site_folder import write_site

Json = dict[str, Any]
SITES = {"cardiology": "train", "psychiatry": "train", "validation": "server"}


def line(change: Callable[[Json], object]) -> Callable[[bytes], bytes]:
    """Return what changes the second note of a file."""

    def changed(content: bytes) -> bytes:
        first, second, *rest = content.splitlines()
        one = json.loads(second)
        change(one)
        return b"\n".join([first, json.dumps(one, ensure_ascii=False).encode(), *rest]) + b"\n"

    return changed


MALFORMED: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda content: content[:-60],
    "another encoding": lambda content: content.decode().encode("latin-1"),
    "no objects": lambda content: b"[" + content,
    "text in place of a number": line(lambda one: one["entities"][0].update(start=word())),
    "offsets behind the end": line(lambda one: one["entities"][0].update(end=10**6)),
    "another text": line(lambda one: one["entities"][0].update(text=word())),
    "another type": line(lambda one: one["entities"][0].update(type=word())),
    "a relation to nowhere": line(lambda one: one["relations"][0].update(head=word())),
    "a relation of no type": line(lambda one: one["relations"][0].update(type=word())),
    "no text": line(lambda one: one.update(text=[word()])),
    "a patient of no name": line(lambda one: one.update(patient=[word()])),
    "another site": line(lambda one: one.update(site=f"{word()} {word()}")),
}


@pytest.fixture
def hospitals(tmp_path: Path) -> Path:
    """Return the folder of three sites that are not public."""
    for name, role in SITES.items():
        splits = {
            split: tuple(note(f"{split}{number}", name) for number in range(3))
            for split in ("train", "dev", "test")
        }
        write_site(tmp_path / "hospitals" / name, SiteNotes(name, LABELS, False, splits), role=role)
    return tmp_path / "hospitals"


HARMLESS = {"an unknown key": line(lambda one: one.update({word(): word()}))}


def written(folder: Path, hospitals: Path, base: Path) -> Path:
    """Return a signed experiment over the sites."""
    file = experiment(folder, hospitals, base, arms=("fed_medlora",), rounds=1)
    text = file.read_text("utf-8")
    before, _, _ = text.partition("\n[[sites]]")
    for name, role in SITES.items():
        before += f'\n[[sites]]\npath = "{hospitals / name}"\nrole = "{role}"\n'
    file.write_text(before.replace("drawn_notes = 1", "drawn_notes = 0") + AUDIT, encoding="utf-8")
    return file


@pytest.mark.parametrize("case", [*MALFORMED, *HARMLESS])
def test_broken_notes_are_told_without_a_word(
    case: str,
    tmp_path: Path,
    hospitals: Path,
    base: Path,
    shell: Shell,
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken = hospitals / "cardiology" / "train.jsonl"
    broken.write_bytes({**MALFORMED, **HARMLESS}[case](broken.read_bytes()))
    file = written(tmp_path, hospitals, base)

    told = [
        shell("run", file, "--out", tmp_path / "run"),
        shell("data", "check", hospitals / "cardiology"),
        shell("data", "check", hospitals / "cardiology", "--json"),
    ]

    assert {said.code for said in told} == {2 if case in MALFORMED else 0}
    assert ("train.jsonl" in told[0].err) == (case in MALFORMED)
    printed = [part for said in told for part in (said.out, said.err)]
    heard = Heard(records=list(caplog.records), printed=printed)
    assert found(places(tmp_path, heard, notes=[hospitals])) == []


def test_a_signed_run_and_its_proof_say_no_word(
    tmp_path: Path, hospitals: Path, base: Path, shell: Shell, caplog: pytest.LogCaptureFixture
) -> None:
    file, run = written(tmp_path, hospitals, base), tmp_path / "run"

    told = [shell("run", file, "--out", run)]
    told += [shell("audit", "verify", run, "--json"), shell("report", run)]
    (run / "identities" / "cardiology.json").write_text("{}", encoding="utf-8")
    told += [shell("identity", "rotate", run / "identities" / "cardiology.json")]
    (run / "heads" / "cardiology.jsonl").write_text("{}\n", encoding="utf-8")
    told += [shell("audit", "verify", run), shell("run", file, "--out", run, "--resume")]

    assert [said.code for said in told][:5] == [0, 0, 0, 2, 1]
    printed = [part for said in told for part in (said.out, said.err)]
    heard = Heard(records=list(caplog.records), printed=printed)
    everywhere = list(places(tmp_path, heard, notes=[hospitals]))
    assert found(iter(everywhere)) == []
    names = {name for name, _ in everywhere}
    assert {"run/results.json", "run/report.html", "run/run.sqlite", "run/ledger.sqlite"} <= names
