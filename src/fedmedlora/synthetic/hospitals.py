"""The sites of the bundled federation, none of which exists: five train, the others look on.

They differ in population, words, layout and size, and in what they annotate: cardiology and
oncology everything, psychiatry everything but in haste (10 % of the labels in train and dev are
wrong), paediatrics the four main types only, orthopaedics problems and drugs only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from fedmedlora.clinical.labels import (
    CROSS_RELATIONS,
    ENTITY_TYPES,
    GUIDELINE_MATRIX,
    MAIN_TYPES,
    RELATION_TYPES,
)
from fedmedlora.clinical.notes import Labels, Note, SiteNotes
from fedmedlora.sites import SiteRole
from fedmedlora.synthetic.annotation import annotated_as
from fedmedlora.synthetic.beside import BESIDE
from fedmedlora.synthetic.layout import Hospital
from fedmedlora.synthetic.noise import with_noise
from fedmedlora.synthetic.specialities import (
    cardiology,
    gastroenterology,
    nephrology,
    oncology,
    orthopaedics,
    paediatrics,
    psychiatry,
)
from fedmedlora.synthetic.writing import write_note

_EVERYTHING = Labels(ENTITY_TYPES, RELATION_TYPES)
_ENTITIES_ONLY = Labels(MAIN_TYPES, ())
_PROBLEM_AND_DRUG_MODIFIERS = tuple(sorted(GUIDELINE_MATRIX["problem"] | GUIDELINE_MATRIX["drug"]))
_PROBLEM_AND_DRUG = Labels(
    ("problem", "drug", *_PROBLEM_AND_DRUG_MODIFIERS),
    (*_PROBLEM_AND_DRUG_MODIFIERS, *CROSS_RELATIONS),
)


@dataclass(frozen=True, slots=True)
class _Plan:
    """One site: who writes its notes, how many a split, and how they are annotated.

    Attributes:
        hospitals: The authors; each writes an equal part, in turn.
        noise: The share of entities annotated wrongly in train and dev.
    """

    name: str
    role: SiteRole
    hospitals: tuple[Hospital, ...]
    counts: Mapping[str, int]
    labels: Labels = _EVERYTHING
    noise: float = 0.0


def _training(hospital: Hospital, count: int, labels: Labels, noise: float = 0.0) -> _Plan:
    counts = {"train": count, "dev": 12, "test": 25}
    return _Plan(hospital.name, "train", (hospital,), counts, labels, noise)


_TRAINING = (
    _training(cardiology.HOSPITAL, 48, _EVERYTHING),
    _training(oncology.HOSPITAL, 30, _EVERYTHING),
    _training(psychiatry.HOSPITAL, 20, _EVERYTHING, noise=0.1),
    _training(paediatrics.HOSPITAL, 12, _ENTITIES_ONLY),
    _training(orthopaedics.HOSPITAL, 9, _PROBLEM_AND_DRUG),
)
_TRAINING_HOSPITALS = tuple(hospital for plan in _TRAINING for hospital in plan.hospitals)
_OTHERS = (
    # All notes stand in dev: whoever validates reads that split, and nobody trains here.
    _Plan("validation", "server", _TRAINING_HOSPITALS, {"dev": 60}),
    _Plan("nephrology", "external", (nephrology.HOSPITAL,), {"train": 20, "dev": 12, "test": 40}),
    _Plan(
        "gastroenterology",
        "new_site",
        (gastroenterology.HOSPITAL,),
        {"train": 200, "dev": 15, "test": 30},
    ),
)


def synthesize(
    *, seed: int = 0, num_notes: int | None = None, task: str = "extract"
) -> dict[str, tuple[SiteRole, SiteNotes]]:
    """Return the sites that do not exist by name, each with its role; same seed, same notes.

    Args:
        task: What stands beside the notes is for it: a question, a summary.
        num_notes: Train notes of all training sites together, in their usual proportions; the
            first notes of a larger federation are those of a smaller one.

    Raises:
        ValueError: Fewer notes than training sites.
    """
    sizes = [plan.counts["train"] for plan in _TRAINING]
    scaled = sizes if num_notes is None else _in_proportion(num_notes, sizes)
    training = [
        replace(plan, counts={**plan.counts, "train": size})
        for plan, size in zip(_TRAINING, scaled, strict=True)
    ]
    return {plan.name: (plan.role, _site(plan, seed, task)) for plan in (*training, *_OTHERS)}


def public_text(*, num_notes: int = 200) -> list[str]:
    """Return texts that anyone may read, from a fixed seed, in the training sites' styles."""
    plan = _Plan("public", "server", _TRAINING_HOSPITALS, {"dev": num_notes})
    return [note.text for note in _notes(plan, "public", "dev")]


def _in_proportion(total: int, sizes: Sequence[int]) -> list[int]:
    """Return parts of `total` in proportion to `sizes`, at least one each."""
    if total < len(sizes):
        raise ValueError(f"num_notes: found {total}, expected at least {len(sizes)}, one a site")
    ends = [round(total * sum(sizes[: i + 1]) / sum(sizes)) for i in range(len(sizes))]
    parts = [end - start for start, end in pairwise([0, *ends])]
    largest = parts.index(max(parts))
    parts[largest] -= parts.count(0)
    return [max(part, 1) for part in parts]


def _site(plan: _Plan, seed: int, task: str) -> SiteNotes:
    splits = {split: tuple(_notes(plan, str(seed), split, task)) for split in plan.counts}
    fields, _ = BESIDE[task]
    return SiteNotes(plan.name, plan.labels, public=True, splits=splits, fields=fields)


def _notes(plan: _Plan, seed: str, split: str, task: str = "extract") -> list[Note]:
    return [
        _note(plan, f"{seed}/{plan.name}/{split}/{index}", split, index, task)
        for index in range(plan.counts[split])
    ]


def _note(plan: _Plan, seed: str, split: str, index: int, task: str) -> Note:
    hospital = plan.hospitals[index % len(plan.hospitals)]
    note_id = f"{plan.name}-{split}-{index + 1:04d}"
    whole = write_note(hospital, seed=seed, note_id=note_id, site=plan.name)
    _, beside = BESIDE[task]
    # Out of all there is to annotate, whatever the site annotates of it.
    note = replace(annotated_as(whole, plan.labels), fields=beside(whole))
    if plan.noise and split != "test":
        return with_noise(note, plan.labels, share=plan.noise, seed=f"{seed}/noise")
    return note
