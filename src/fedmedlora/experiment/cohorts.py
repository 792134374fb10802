"""The sites of an experiment, read, checked and cut down to what the experiment asks for."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fedmedlora.clinical.labels import MAIN_TYPES, RELATION_TYPES
from fedmedlora.clinical.notes import SiteNotes
from fedmedlora.errors import Fault, InputError
from fedmedlora.evaluation.cohorts import (
    Cohort,
    OwnLora,
    SiteFacts,
    in_hash_order,
    limited,
    set_aside,
)
from fedmedlora.experiment.places import SiteEntry
from fedmedlora.experiment.privacy import Privacy
from fedmedlora.experiment.schema import Aggregation, Experiment, Split
from fedmedlora.experiment.sending import is_private, sending_faults
from fedmedlora.federation.engine import SERVER
from fedmedlora.formats.site_files import DESCRIPTION, site_digest
from fedmedlora.formats.site_folder import place_of_note, read_site
from fedmedlora.tasks.kind import TaskKind, task_kinds

NO_HOLDOUT = Aggregation()


def load_cohorts(experiment: Experiment) -> dict[str, Cohort]:
    """Return every site of an experiment by name, in the order of the file.

    Raises:
        InputError: Everything that is wrong with any site's folder, at once; and notes that the
            experiment would send away without leave.
    """
    sites, faults = _read(experiment.sites, experiment.aggregation)
    faults += sending_faults(experiment, _private(sites))
    for entry, site in sites.values():
        faults += part_faults(experiment, entry, site)
    if faults:
        raise InputError(faults)
    use = experiment.aggregation, experiment.evaluation.final_split
    return {name: cohort(*pair, *use) for name, pair in sites.items()}


def with_own_notes(experiment: Experiment) -> Experiment:
    """Return an experiment with the sites alone whose notes whoever coordinates it has."""
    if experiment.engine.name == "local":
        return experiment
    return replace(experiment, sites=experiment.sites_of("server"))


def site_faults(entries: Sequence[SiteEntry], aggregation: Aggregation = NO_HOLDOUT) -> list[Fault]:
    """Return everything that is wrong with the folders of some sites."""
    return _read(entries, aggregation)[1]


def part_faults(experiment: Experiment, entry: SiteEntry, site: SiteNotes) -> list[Fault]:
    """Return what keeps a site's notes from playing their part in an experiment."""
    faults = task_faults(experiment.model.task, site, entry.path or Path())
    return [*faults, *unit_faults(experiment.privacy, entry, site)]


def task_faults(task: str, site: SiteNotes, folder: Path) -> list[Fault]:
    """Return what a task lacks in a site's notes, or finds wrong there."""
    kind = task_kinds()[task]
    if missing := {k: v for k, v in kind.fields.items() if site.fields.get(k) != v}:
        announced = json.dumps(missing)
        found = json.dumps(dict(site.fields)) if site.fields else "none"
        advice = "put what the task needs beside the text of each note, and say so there"
        return [Fault(f"{folder}/{DESCRIPTION}: fields", found, announced, advice)]
    if not kind.fields and not (site.labels.entities or site.labels.heads):
        expected = f'what the site annotates, as the task "{task}" learns nothing else'
        return [Fault(f"{folder}/{DESCRIPTION}: entities", "none", expected, "leave the site out")]
    return _field_faults([kind], site, folder)


def require_fields(site: SiteNotes, folder: Path) -> None:
    """Check a site's notes for each task that it announces all fields of.

    Raises:
        InputError: What stands beside a text is not what the task has there; holds every fault.
    """
    kinds = [k for k in task_kinds().values() if k.fields.items() <= site.fields.items()]
    if faults := _field_faults(kinds, site, folder):
        raise InputError(faults)


def _field_faults(kinds: Sequence[TaskKind], site: SiteNotes, folder: Path) -> list[Fault]:
    return [
        replace(fault, where=f"{place_of_note(folder, split, index)}: {fault.where}")
        for split, notes in site.splits.items()
        for index, note in enumerate(notes)
        for kind in kinds
        for fault in kind.faults(note)
    ]


def unit_faults(privacy: Privacy, entry: SiteEntry, site: SiteNotes) -> list[Fault]:
    """Return what keeps a site's training notes from being counted by patient, where they are."""
    if (privacy.mode, privacy.unit) != ("record", "patient") or entry.role not in _TRAINED:
        return []
    notes = site.splits.get("train", ())
    number = sum(note.patient is None for note in notes)
    if not number:
        return []
    found = f"{number} of {len(notes)} notes without it"
    advice = 'add the key, or set privacy.unit = "note"'
    return [Fault(f"{entry.path}/train.jsonl: patient", found, "it in every note", advice)]


def cohort(
    entry: SiteEntry,
    site: SiteNotes,
    aggregation: Aggregation = NO_HOLDOUT,
    final_split: Split = "test",
) -> Cohort:
    """Return a site's part in an experiment: hash order, holdout, then the limits."""
    share = aggregation.validation_holdout if entry.role == "train" else 0.0
    train, held_out = set_aside(site.splits.get("train", ()), share)
    train = limited(train, max_notes=entry.max_notes, max_sentences=entry.max_sentences)
    held_out = limited(held_out, max_sentences=aggregation.validation_sentences)
    dev = in_hash_order(site.splits["dev"])
    if entry.role == "server":
        dev = limited(dev, max_sentences=aggregation.validation_sentences)
    test = in_hash_order(site.splits.get("test", ())) if final_split == "test" else ()
    return Cohort(
        name=site.name,
        role=entry.role,
        labels=site.labels,
        public=site.public,
        train=train,
        held_out=held_out,
        dev=dev,
        final=test or dev,
        final_split="test" if test else "dev",
        sha256=site_digest(site),
        max_heads=entry.max_heads,
        validation_heads=aggregation.validation_heads,
        own_lora=OwnLora(entry.lora_rank, entry.lora_alpha),
    )


def annotated_types(sites: Mapping[str, SiteFacts]) -> tuple[str, ...]:
    """Return the union of what the sites annotate that a model can be asked for, in fixed order."""
    used = {
        type_
        for site in sites.values()
        for type_ in (*site.labels.entities, *site.labels.relations)
    }
    return tuple(type_ for type_ in (*MAIN_TYPES, *RELATION_TYPES) if type_ in used)


_BOTH = ("train", "dev")
_TRAINED = ("train", "new_site")


def _private(sites: Mapping[str, tuple[SiteEntry, SiteNotes]]) -> list[str]:
    """Return the sites whose notes are asked about and not public."""
    told = sites.items()
    return [name for name, (entry, site) in told if is_private(entry.role, public=site.public)]


def _read(
    entries: Sequence[SiteEntry], aggregation: Aggregation
) -> tuple[dict[str, tuple[SiteEntry, SiteNotes]], list[Fault]]:
    sites: dict[str, tuple[SiteEntry, SiteNotes]] = {}
    faults: list[Fault] = []
    for entry in entries:
        if entry.path is None:
            faults.append(_elsewhere(entry))
            continue
        try:
            site = read_site(entry.path, required=("dev",) if entry.role == "server" else _BOTH)
        except InputError as error:
            faults += error.faults
            continue
        if site.name == SERVER and entry.role != "server":
            faults.append(_reserved(entry, site.name))
        if site.name in sites:
            faults.append(_twice(entry, site.name))
        if entry.name not in (None, site.name):
            expected = f"{entry.name!r}, as [[sites]] calls it"
            faults.append(Fault(f"{entry.path}/site.json: site", repr(site.name), expected))
        if entry.role == "train" and aggregation.validation_holdout:
            faults += _too_few(entry, len(site.splits["train"]))
        faults += _unlike_pinned(entry, site)
        sites[site.name] = entry, site
    return sites, faults


def _elsewhere(entry: SiteEntry) -> Fault:
    advice = "start the federation with `fedmedlora federation`, or name the folder here"
    return Fault(f"site {entry.name}", "no path", "its folder on this machine", advice)


def _reserved(entry: SiteEntry, name: str) -> Fault:
    expected = 'another name; this one is for role = "server"'
    return Fault(f"{entry.path}/site.json: site", repr(name), expected)


def _unlike_pinned(entry: SiteEntry, site: SiteNotes) -> list[Fault]:
    if entry.sha256 is None or (found := site_digest(site)) == entry.sha256:
        return []
    advice = "put the pinned notes back, or look at these and pin them"
    return [Fault(f"{entry.path}: sha256", found, f"{entry.sha256}, as [[sites]] pins it", advice)]


def _too_few(entry: SiteEntry, num_notes: int) -> list[Fault]:
    if num_notes > 1:
        return []
    expected = "at least 2, one to train on and one that validation_holdout sets aside"
    return [Fault(f"{entry.path}/train.jsonl", f"too few notes ({num_notes})", expected)]


def _twice(entry: SiteEntry, name: str) -> Fault:
    return Fault(
        f"{entry.path}/site.json: site",
        f"{name!r}, which another folder of the experiment has too",
        "a name of its own for each site",
    )
