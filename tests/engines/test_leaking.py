"""Attacks on a run of one site: a tiny random encoder, four notes to train on and three others."""

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.training.tiny_models import SPELLING, tiny_bert

from fedmedlora.cli import main
from fedmedlora.clinical.notes import Entity, Labels, Note, SiteNotes
from fedmedlora.engines.leaking import Effort, leakage
from fedmedlora.errors import InputError
from fedmedlora.experiment.store import RunStore
from fedmedlora.formats.site_folder import write_site

LABELS = Labels(("problem", "drug"), ())
EFFORT = Effort(candidates=7, secrets=2, replicates=20)
EXPERIMENT = """
[experiment]
name = "small"
rounds = 2
patience = 9
arms = {arms}
[model]
base = "{base}"
window_tokens = 64
lora = {{ rank = 4, alpha = 64 }}
[training]
epochs = {epochs}
batch_size = 2
learning_rate = 5e-3
num_threads = 1
[evaluation]
round_notes = 1
final_notes = 1
replicates = 2
{audit}
{privacy}
[[sites]]
path = "{site}/a"
[[sites]]
path = "{site}/b"
"""
AUDIT = '[audit]\nledger = "embedded"\nkeep_updates = true'
PRIVACY = '[privacy]\nmode = "{mode}"\nnoise_multiplier = 2.0\nsteps = 2'


def note(index: int) -> Note:
    """Return a note whose number is a problem where it is trained on, and a drug elsewhere."""
    number = f"{7919 * (index + 3) ** 3 % 10**6:06d}"
    text = f"Seen again. Record number {number}."
    start = text.index(number)
    kind = LABELS.entities[index // 10]
    return Note(f"n{index}", "a", text, (Entity("e", kind, start, start + 6),), ())


def notes_of(folder: Path, train: tuple[Note, ...]) -> Path:
    splits = {"train": train, "dev": (note(10),), "test": (note(11), note(12))}
    for name in ("a", "b"):
        own = {
            split: tuple(replace(one, id=f"{name}{one.id}", site=name) for one in notes)
            for split, notes in splits.items()
        }
        site = SiteNotes(name, LABELS, public=False, splits=own)
        write_site(folder / "site" / name, site, role="train")
    return folder / "site"


def measured(run: Path, *, site: str | None = None) -> dict[str, list[dict[str, Any]]]:
    with RunStore.open(run) as store:
        found: dict[str, list[dict[str, Any]]] = leakage(store, site=site, effort=EFFORT)["sites"]
    return found


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    folder = tmp_path_factory.mktemp("base")
    base = tiny_bert(folder, words=SPELLING, num_layers=1, num_positions=128).folder

    def run(
        *arms: str,
        keeps: bool = True,
        epochs: int = 40,
        train: tuple[Note, ...] = (),
        mode: str = "",
    ) -> Path:
        place = tmp_path_factory.mktemp("run")
        text = EXPERIMENT.format(
            arms=json.dumps(["fed_medlora", *arms]),
            base=base,
            site=notes_of(place, train or tuple(map(note, range(4)))),
            audit=AUDIT if keeps else "",
            privacy=PRIVACY.format(mode=mode) if mode else "",
            epochs=epochs,
        )
        (place / "small.toml").write_text(text, encoding="utf-8")
        if main(["run", str(place / "small.toml"), "--out", str(place / "run")]):
            pytest.fail("the run did not end well")
        return place / "run"

    return run


@pytest.fixture(scope="module")
def kept(ran: Callable[..., Path]) -> Path:
    return ran()


@pytest.fixture(scope="module")
def found(kept: Path) -> dict[str, Any]:
    (attack,) = measured(kept, site="a")["a"]
    return attack


def test_the_last_update_of_a_site_is_attacked(found: dict[str, Any]) -> None:
    assert (found["arm"], found["attacked"]) == ("fed_medlora", "its update of round 2")
    assert found["noise"] is False
    assert (found["members"], found["others"]) == (4, 3)


def test_notes_that_were_learnt_by_heart_are_told_from_others(found: dict[str, Any]) -> None:
    learnt, before = found["membership"]["loss"]["auc"], found["membership"]["start"]["auc"]

    assert learnt["value"] == 1.0
    assert learnt["ci95"] == (1.0, 1.0)
    assert before["value"] < 1.0


def test_a_number_can_have_so_many_bits_at_most(found: dict[str, Any]) -> None:
    told = found["exposure"]

    assert (told["secrets"], told["most"]) == (2, 3.0)
    assert 0.0 <= told["start"] <= 3.0
    assert 0.0 <= told["attacked"] <= 3.0
    # Were its candidates the number itself, all eight would tie: rank 1 + 7/2.
    assert told["attacked"] != pytest.approx(math.log2(8 / 4.5), abs=1e-9)


def test_tokens_in_use_are_named_beside_what_noise_names(found: dict[str, Any]) -> None:
    told = found["tokens"]

    assert told["in_use"] > 5
    assert 0.0 < told["guess"] < 1.0
    assert 0.0 <= told["recall"] <= 1.0
    assert told["noise"] != told["recall"]


def test_each_site_has_its_own_figures(kept: Path) -> None:
    both = measured(kept)

    assert list(both) == ["a", "b"]
    assert both["a"] != both["b"]


def test_the_same_effort_finds_the_same(kept: Path, found: dict[str, Any]) -> None:
    assert measured(kept, site="a") == {"a": [found]}


def test_what_is_found_is_json_and_holds_no_word_of_a_note(kept: Path) -> None:
    text = json.dumps(measured(kept), allow_nan=False)

    assert "Record" not in text
    assert note(0).text[-7:-1] not in text


def test_without_updates_the_global_adapter_is_attacked(ran: Callable[..., Path]) -> None:
    (attack,) = measured(ran(keeps=False, epochs=1), site="a")["a"]

    assert attack["attacked"].startswith("the global adapter of round ")
    assert attack["attacked"].endswith("as no updates were kept")
    assert attack["tokens"]["recall"] > 0


@pytest.mark.parametrize(
    ("arms", "yardstick"),
    [
        (("single_site", "centralised"), ["single_site:a"]),
        (("centralised",), ["centralised"]),
        ((), []),
    ],
)
def test_beside_an_update_with_noise_stands_what_the_same_notes_give_without(
    ran: Callable[..., Path], arms: tuple[str, ...], yardstick: list[str]
) -> None:
    private, *beside = measured(ran(*arms, epochs=1, mode="record"), site="a")["a"]

    assert (private["arm"], private["noise"]) == ("fed_medlora", True)
    assert private["attacked"] == "its update of round 2"
    assert [one["arm"] for one in beside] == yardstick
    assert not any(one["noise"] for one in beside)
    assert all(one["membership"] != private["membership"] for one in beside)


def test_noise_on_a_sum_is_in_the_global_adapter_alone(ran: Callable[..., Path]) -> None:
    update, whole = measured(ran("single_site", epochs=1, mode="site"), site="a")["a"]

    assert (update["attacked"], update["noise"]) == ("its update of round 2", False)
    assert (whole["attacked"][:28], whole["noise"]) == ("the global adapter of round ", True)
    assert "kept" not in whole["attacked"]


def test_notes_without_a_number_have_no_exposure(ran: Callable[..., Path]) -> None:
    plain = replace(note(0), text="Seen again. Record number 12345.", entities=())

    (attack,) = measured(ran(epochs=1, train=(plain, note(1))), site="a")["a"]
    assert attack["exposure"]["secrets"] == 1


def test_a_site_that_is_not_in_the_run_is_refused(kept: Path) -> None:
    with pytest.raises(InputError, match=r"--site: found 'c', expected one of a, b"):
        measured(kept, site="c")


def test_notes_that_were_changed_since_are_refused(ran: Callable[..., Path]) -> None:
    run = ran(epochs=1)
    shutil.rmtree(run.parent / "site")
    notes_of(run.parent, (note(0), note(1)))

    with pytest.raises(InputError, match="found other notes, expected those the run"):
        measured(run)
