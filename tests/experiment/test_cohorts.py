import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fedmedlora.clinical.notes import Labels, Note, SiteNotes
from fedmedlora.errors import InputError
from fedmedlora.evaluation.cohorts import in_hash_order
from fedmedlora.experiment.cohorts import (
    annotated_types,
    cohort,
    load_cohorts,
    site_faults,
    task_faults,
    unit_faults,
)
from fedmedlora.experiment.config import Experiment, read_experiment, readable_sites
from fedmedlora.experiment.places import SiteEntry
from fedmedlora.experiment.privacy import Privacy
from fedmedlora.experiment.schema import Aggregation
from fedmedlora.formats.site_files import render_site, site_digest
from fedmedlora.formats.site_folder import write_site
from fedmedlora.sites import SiteRole

HERE = Path("/fake")
HOLDOUT = Aggregation(validation_holdout=0.25)


def notes(split: str, number: int, site: str = "heart") -> tuple[Note, ...]:
    return tuple(Note(f"{split}{i}", site, "Pain. Rest.", (), ()) for i in range(number))


def site(name: str = "heart", *, public: bool = False, **splits: int) -> SiteNotes:
    made = {split: notes(split, number, name) for split, number in splits.items()}
    return SiteNotes(name, Labels(("problem",), ("severity",)), public, made)


def entry(role: SiteRole = "train", **limits: Any) -> SiteEntry:  # noqa: ANN401 -- any limit
    return SiteEntry(path=HERE, role=role, **limits)


def test_every_split_is_in_hash_order_and_test_is_final() -> None:
    made = cohort(entry(), site(train=8, dev=5, test=6))

    assert made.train == in_hash_order(notes("train", 8))
    assert made.dev == in_hash_order(notes("dev", 5))
    assert (made.final, made.final_split) == (in_hash_order(notes("test", 6)), "test")
    assert (made.name, made.role, made.public, made.held_out) == ("heart", "train", False, ())


def test_where_there_is_no_test_dev_is_final_and_marked_so() -> None:
    made = cohort(entry(), site(train=1, dev=5))

    assert (made.final, made.final_split) == (made.dev, "dev")


def test_a_screening_leaves_the_test_notes_unread() -> None:
    made = cohort(entry(), site(train=1, dev=5, test=6), final_split="dev")

    assert (made.final, made.final_split) == (made.dev, "dev")


def test_what_is_held_out_is_never_trained_on_whatever_the_limit() -> None:
    whole = cohort(entry(), site(train=8, dev=1), HOLDOUT)
    few = cohort(entry(max_notes=3), site(train=8, dev=1), HOLDOUT)

    # 0.25 x 8 = 2 set aside first, then the limit on the other 6.
    assert (len(whole.train), len(whole.held_out)) == (6, 2)
    assert (few.train, few.held_out) == (whole.train[:3], whole.held_out)
    assert not set(whole.train) & set(whole.held_out)


def test_limits_hold_for_training_notes_and_for_what_is_validated_on() -> None:
    # Two sentences a note.
    limits = Aggregation(validation_holdout=0.25, validation_sentences=2, validation_heads=7)

    made = cohort(entry(max_sentences=4, max_heads=9), site(train=8, dev=3), limits)

    assert (len(made.train), len(made.held_out), len(made.dev)) == (2, 1, 3)
    assert (made.max_heads, made.validation_heads) == (9, 7)


@pytest.mark.parametrize("role", ["external", "new_site", "server"])
def test_only_sites_that_train_set_notes_aside(role: SiteRole) -> None:
    made = cohort(entry(role), site(train=8, dev=1), HOLDOUT)

    assert (len(made.train), made.held_out) == (8, ())


def test_a_site_on_its_own_sets_nothing_aside() -> None:
    assert cohort(entry(), site(train=8, dev=1)).held_out == ()


def test_types_are_those_some_site_annotates_in_the_schemas_order() -> None:
    one = SiteNotes("a", Labels(("drug", "problem"), ("causes",)), False, {"dev": notes("dev", 1)})
    other = SiteNotes("b", Labels(("drug",), ("severity",)), False, {"dev": notes("dev", 1)})

    types = annotated_types({s.name: cohort(entry(), s) for s in (one, other)})

    assert types[:2] == ("problem", "drug")
    assert set(types) == {"problem", "drug", "causes", "severity"}


def written(folder: Path, *sites: tuple[SiteNotes, SiteRole]) -> Path:
    text = '[experiment]\nname = "x"\nrounds = 1\narms = ["zero_shot"]\n[model]\nbase = "minilm"\n'
    for index, (one, role) in enumerate(sites):
        write_site(folder / f"f{index}", one)
        text += f'[[sites]]\npath = "f{index}"\nrole = "{role}"\n'
    (folder / "x.toml").write_text(text, encoding="utf-8")
    return folder / "x.toml"


def experiment(folder: Path, *sites: tuple[SiteNotes, SiteRole]) -> Experiment:
    return read_experiment(written(folder, *sites))


def test_sites_are_loaded_by_name_in_the_order_of_the_file(tmp_path: Path) -> None:
    settings = experiment(
        tmp_path,
        (site("heart", train=1, dev=1), "train"),
        (site("checks", dev=2), "server"),
        (site("bones", train=1, dev=1), "train"),
    )

    assert list(load_cohorts(settings)) == ["heart", "checks", "bones"]


def test_every_fault_of_every_site_is_told_at_once(tmp_path: Path) -> None:
    settings = experiment(
        tmp_path,
        (site("heart", train=1, dev=1), "train"),
        (site("bones", dev=1), "train"),
        (site("heart", train=1, dev=1), "external"),
        (site("server", train=1, dev=1), "new_site"),
    )
    (tmp_path / "f0" / "train.jsonl").write_text("{\n[]\n", encoding="utf-8")

    with pytest.raises(InputError) as caught:
        load_cohorts(settings)

    faults = caught.value.faults
    assert faults == tuple(site_faults(settings.sites))
    places = [str(fault).removeprefix(f"{tmp_path}/") for fault in faults]
    assert len(places) == 4
    assert places[0].startswith("f0/train.jsonl:1: ")
    assert places[1].startswith("f0/train.jsonl:2: ")
    assert places[2].startswith("f1/train.jsonl: ")
    assert places[3].startswith("f3/site.json: site: found 'server', expected another name")


def test_two_sites_cannot_have_one_name(tmp_path: Path) -> None:
    settings = experiment(
        tmp_path,
        (site("heart", train=1, dev=1), "train"),
        (site("heart", train=1, dev=1), "external"),
    )

    with pytest.raises(InputError, match=r"f1/site.json: site: found 'heart', which another"):
        load_cohorts(settings)


def test_a_site_that_cannot_both_train_and_set_aside_is_refused(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        (site("heart", train=2, dev=1), "train"),
        (site("bones", train=1, dev=1), "train"),
        (site("skin", train=1, dev=1), "new_site"),
    )
    with file.open("a", encoding="utf-8") as text:
        text.write("[aggregation]\nvalidation_holdout = 0.1\n")

    with pytest.raises(InputError) as caught:
        load_cohorts(read_experiment(file))

    assert [str(fault).removeprefix(f"{tmp_path}/") for fault in caught.value.faults] == [
        (
            "f1/train.jsonl: found too few notes (1), expected at least 2, one to train on and "
            "one that validation_holdout sets aside"
        )
    ]


def test_notes_that_are_not_those_pinned_are_refused_before_anything_loads(tmp_path: Path) -> None:
    checks = site("checks", dev=3)
    file = written(tmp_path, (site(train=1, dev=1), "train"), (checks, "server"))
    with file.open("a", encoding="utf-8") as text:
        text.write(f'sha256 = "{site_digest(checks)}"\n')

    assert load_cohorts(read_experiment(file))["checks"].sha256 == site_digest(checks)

    other = site("checks", dev=4)
    (tmp_path / "f1" / "dev.jsonl").write_bytes(render_site(other, {})["dev.jsonl"])
    with pytest.raises(InputError) as caught:
        load_cohorts(read_experiment(file))
    assert [str(fault).removeprefix(f"{tmp_path}/") for fault in caught.value.faults] == [
        (
            f"f1: sha256: found {site_digest(other)}, expected {site_digest(checks)}, as "
            "[[sites]] pins it; put the pinned notes back, or look at these and pin them"
        )
    ]


def test_notes_are_not_loaded_to_be_sent_away_without_leave(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        (site("heart", train=1, dev=1), "train"),
        (site("bones", public=True, train=1, dev=1), "external"),
        (site("skin", train=1, dev=1), "new_site"),
        (site("checks", dev=1), "server"),
    )
    text = file.read_text("utf-8").replace('"zero_shot"', '"endpoint_zero_shot"')
    away = '[endpoint]\nmodel = "m1"\nurl = "https://api.example.org/v1"\n'
    file.write_text(text + away, encoding="utf-8")

    with pytest.raises(InputError) as caught:
        load_cohorts(read_experiment(file))

    assert [fault.where for fault in caught.value.faults] == ["site heart", "site skin"]
    file.write_text(text + away + "sends_notes = true\n", encoding="utf-8")
    assert len(load_cohorts(read_experiment(file))) == 4


def test_a_digest_is_that_of_all_notes_whatever_the_limits() -> None:
    whole = site(train=8, dev=3)

    few = cohort(entry(max_notes=1), whole, HOLDOUT)

    assert few.sha256 == cohort(entry(), whole).sha256 == site_digest(whole)


def test_a_servers_folder_needs_no_training_notes(tmp_path: Path) -> None:
    settings = experiment(
        tmp_path, (site(train=1, dev=1), "train"), (site("server", dev=3), "server")
    )

    assert len(load_cohorts(settings)["server"].dev) == 3


def test_sites_can_be_read_from_a_file_that_is_wrong_elsewhere(tmp_path: Path) -> None:
    file = written(tmp_path, (site(train=1, dev=1), "train"))
    more = '[[sites]]\npath = "gone"\nrole = "external"\n[training]\nepochs = -1\n'
    file.write_text(file.read_text("utf-8") + more, encoding="utf-8")

    assert [entry.path for entry in readable_sites(file)] == [tmp_path / "f0"]
    assert json.loads((tmp_path / "f0" / "site.json").read_text("utf-8"))["site"] == "heart"


def test_of_a_server_folder_as_many_whole_notes_are_scored_as_fit() -> None:
    # Two sentences a note: five sentences hold two whole notes.
    limits = Aggregation(validation_sentences=5)

    assert len(cohort(entry(role="server"), site(train=0, dev=4), limits).dev) == 2
    assert len(cohort(entry(), site(train=1, dev=4), limits).dev) == 4


def test_where_patients_count_every_training_note_says_whose_it_is() -> None:
    entry = SiteEntry(path=Path("heart"))
    two = (Note("n1", "heart", "Pain.", (), (), "p1"), Note("n2", "heart", "Rest.", (), ()))
    heart = SiteNotes("heart", Labels(("problem",), ()), public=False, splits={"train": two})
    by_patient = Privacy(mode="record", unit="patient", epsilon=8.0)

    (fault,) = unit_faults(by_patient, entry, heart)

    assert str(fault).startswith(
        "heart/train.jsonl: patient: found 1 of 2 notes without it, expected it in every note"
    )
    assert unit_faults(replace(by_patient, unit="note"), entry, heart) == []
    assert unit_faults(replace(by_patient, mode="none"), entry, heart) == []
    assert unit_faults(by_patient, replace(entry, role="external"), heart) == []


def test_a_site_that_annotates_nothing_has_no_part_in_extraction(tmp_path: Path) -> None:
    site = SiteNotes("a", Labels((), ()), public=False, splits={}, fields={"summary": "text"})

    (fault,) = task_faults("extract", site, tmp_path)

    assert (fault.where, fault.found) == (f"{tmp_path}/site.json: entities", "none")
    assert task_faults("summarise", site, tmp_path) == []


def test_relations_of_given_heads_are_a_part_in_extraction(tmp_path: Path) -> None:
    given = Labels((), ("treats",), heads=("drug", "problem"))
    site = SiteNotes("a", given, public=False, splits={})

    assert task_faults("extract", site, tmp_path) == []
