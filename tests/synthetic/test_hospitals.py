import hashlib
import os
import subprocess
import sys
from collections import Counter
from functools import cache

import pytest

from fedmedlora.clinical.labels import (
    CROSS_RELATIONS,
    ENTITY_TYPES,
    MAIN_TYPES,
    MODIFIER_TYPES,
    RELATION_TYPES,
    in_guideline,
)
from fedmedlora.clinical.notes import Entity, Note, SiteNotes
from fedmedlora.sites import is_site_name
from fedmedlora.synthetic.hospitals import public_text, synthesize
from fedmedlora.synthetic.specialities import psychiatry
from fedmedlora.synthetic.writing import write_note

TRAINING = ("cardiology", "oncology", "psychiatry", "paediatrics", "orthopaedics")
NOISY = "psychiatry"
DIGEST = """
import hashlib
from fedmedlora.synthetic.hospitals import public_text, synthesize
print(hashlib.sha256(repr((synthesize(seed=3), public_text())).encode()).hexdigest())
"""


@cache
def sites() -> dict[str, SiteNotes]:
    return {name: notes for name, (_, notes) in synthesize().items()}


def notes_of(*names: str) -> list[Note]:
    return [note for name in names for split in sites()[name].splits.values() for note in split]


def words(note: Note, entity: Entity) -> str:
    return note.text[entity.start : entity.end]


def mentions(notes: tuple[Note, ...] | list[Note]) -> list[tuple[str, str]]:
    return [
        (entity.type, words(note, entity).lower())
        for note in notes
        for entity in note.entities
        if entity.type in MAIN_TYPES
    ]


def test_five_sites_train_and_three_look_on() -> None:
    roles = {name: role for name, (role, _) in synthesize(num_notes=5).items()}

    assert roles == {
        **dict.fromkeys(TRAINING, "train"),
        "validation": "server",
        "nephrology": "external",
        "gastroenterology": "new_site",
    }
    assert all(is_site_name(name) for name in roles)


def test_sizes_are_uneven() -> None:
    counts = {
        name: {split: len(notes) for split, notes in site.splits.items()}
        for name, site in sites().items()
    }

    assert [counts[name]["train"] for name in TRAINING] == [48, 30, 20, 12, 9]
    assert 48 >= 5 * 9
    assert all(counts[name]["dev"] == 12 and counts[name]["test"] == 25 for name in TRAINING)
    assert counts["validation"] == {"dev": 60}
    assert counts["nephrology"] == {"train": 20, "dev": 12, "test": 40}
    assert counts["gastroenterology"] == {"train": 200, "dev": 15, "test": 30}


@pytest.mark.parametrize(
    ("num_notes", "sizes"),
    [
        (5, [1, 1, 1, 1, 1]),
        # 238 = 2 x 119
        (238, [96, 60, 40, 24, 18]),
    ],
)
def test_number_of_notes_scales_the_training_sites(num_notes: int, sizes: list[int]) -> None:
    federation = synthesize(num_notes=num_notes)

    assert [len(federation[name][1].splits["train"]) for name in TRAINING] == sizes
    assert federation["nephrology"] == synthesize()["nephrology"]


def test_smaller_federation_holds_the_first_notes_of_a_larger_one() -> None:
    smaller = synthesize(num_notes=60)

    for name in TRAINING:
        train = smaller[name][1].splits["train"]
        assert train == sites()[name].splits["train"][: len(train)]
        assert smaller[name][1].splits["test"] == sites()[name].splits["test"]


def test_fewer_notes_than_sites_are_refused() -> None:
    with pytest.raises(ValueError, match="num_notes: found 4, expected at least 5"):
        synthesize(num_notes=4)


def test_same_seed_gives_the_same_bytes_in_every_process() -> None:
    outputs = set()
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path)}
        outputs.add(
            subprocess.run(
                [sys.executable, "-c", DIGEST],
                env=environment,
                check=True,
                capture_output=True,
                text=True,
            ).stdout.strip()
        )

    here = hashlib.sha256(repr((synthesize(seed=3), public_text())).encode()).hexdigest()
    assert outputs == {here}


def test_another_seed_gives_other_notes() -> None:
    one = {note.text for note in notes_of(*sites())}
    other = {
        note.text
        for _, site in synthesize(seed=1).values()
        for split in site.splits.values()
        for note in split
    }

    assert not one & other


def test_ids_and_texts_are_unique_and_name_their_site() -> None:
    notes = notes_of(*sites())

    assert len({note.id for note in notes}) == len(notes)
    assert len({note.text for note in notes}) == len(notes)
    for name in sites():
        assert all(note.site == name and note.id.startswith(name) for note in notes_of(name))


def test_spans_lie_in_their_note_on_one_line_without_outer_white_space() -> None:
    for note in notes_of(*sites()):
        for entity in note.entities:
            assert 0 <= entity.start < entity.end <= len(note.text)
            assert words(note, entity) == words(note, entity).strip()
            assert "\n" not in words(note, entity)
        assert "$" not in note.text
        assert not {"[", "]", "{", "}"} & {*note.text}


def test_all_types_occur_in_the_training_sites_together() -> None:
    train = [note for name in TRAINING for note in sites()[name].splits["train"]]

    entities = Counter(entity.type for note in train for entity in note.entities)
    relations = Counter(relation.type for note in train for relation in note.relations)

    assert {*entities} == {*ENTITY_TYPES}
    assert {*relations} == {*RELATION_TYPES}
    assert min(entities.values()) >= 15
    assert min(relations[type_] for type_ in CROSS_RELATIONS) >= 15


def test_relations_fit_their_ends() -> None:
    for name in sites():
        for note in notes_of(name):
            types = {entity.id: entity.type for entity in note.entities}
            for relation in note.relations:
                assert types[relation.head] in MAIN_TYPES
                fitting = MAIN_TYPES if relation.type in CROSS_RELATIONS else (relation.type,)
                assert types[relation.tail] in fitting


def test_modifiers_are_almost_always_those_of_the_guideline() -> None:
    pairs = [
        (types[relation.head], relation.type)
        for note in notes_of("cardiology", "oncology", "orthopaedics", "nephrology")
        for types in [{entity.id: entity.type for entity in note.entities}]
        for relation in note.relations
        if relation.type in MODIFIER_TYPES
    ]

    # What the guideline does not have is the place of a test, as in "chest X-ray".
    outside = {pair for pair in pairs if not in_guideline(*pair)}
    assert outside == {("test", "bodyloc")}
    assert sum(in_guideline(*pair) for pair in pairs) / len(pairs) >= 0.98


def test_one_site_annotates_only_entities_and_one_only_problems_and_drugs() -> None:
    assert sites()["paediatrics"].labels.entities == MAIN_TYPES
    assert sites()["paediatrics"].labels.relations == ()
    labels = sites()["orthopaedics"].labels
    assert {*labels.entities} & {*MAIN_TYPES} == {"problem", "drug"}
    assert "labvalue" not in labels.entities
    for name, site in sites().items():
        for note in notes_of(name):
            assert {entity.type for entity in note.entities} <= {*site.labels.entities}
            assert {relation.type for relation in note.relations} <= {*site.labels.relations}


def test_every_modifier_belongs_to_a_head_where_labels_are_clean() -> None:
    for name in set(sites()) - {NOISY}:
        for note in notes_of(name):
            tails = {relation.tail for relation in note.relations}
            assert all(e.id in tails for e in note.entities if e.type in MODIFIER_TYPES)


def orphans(notes: tuple[Note, ...]) -> int:
    """Return how many modifiers have no head, or one of a type that never carries them."""
    count = 0
    for note in notes:
        types = {entity.id: entity.type for entity in note.entities}
        heads = {relation.tail: types[relation.head] for relation in note.relations}
        count += sum(
            e.type in MODIFIER_TYPES and not in_guideline(heads.get(e.id, ""), e.type)
            for e in note.entities
            if e.type != "bodyloc"
        )
    return count


def test_labels_are_noisy_at_one_site_and_never_in_test() -> None:
    splits = sites()[NOISY].splits

    assert orphans(splits["train"]) > 0
    assert orphans(splits["dev"]) > 0
    assert orphans(splits["test"]) == 0
    for name in set(sites()) - {NOISY}:
        assert orphans(tuple(notes_of(name))) == 0


def test_a_tenth_of_the_labels_of_the_noisy_site_is_wrong() -> None:
    wrong = total = 0
    for index, note in enumerate(sites()[NOISY].splits["train"]):
        seed = f"0/{NOISY}/train/{index}"
        clean = write_note(psychiatry.HOSPITAL, seed=seed, note_id=note.id, site=NOISY)
        assert clean.text == note.text
        wrong += len({*clean.entities} - {*note.entities})
        total += len(clean.entities)

    assert 0.05 <= wrong / total <= 0.15


def test_validation_notes_are_an_equal_mix_of_the_training_sites() -> None:
    notes = sites()["validation"].splits["dev"]
    known = {name: {*mentions(notes_of(name))} for name in TRAINING}

    nearest = Counter(
        max(TRAINING, key=lambda name: len({*mentions([note])} & known[name])) for note in notes
    )

    # 60 / 5 = 12 of each, give or take notes whose words two sites share.
    assert sites()["validation"].labels.entities == ENTITY_TYPES
    assert all(9 <= nearest[name] <= 15 for name in TRAINING)


def test_public_text_is_fixed_and_no_note_of_any_site() -> None:
    texts = public_text(num_notes=50)

    assert len({*texts}) == 50
    assert texts == public_text()[:50]
    assert not {*texts} & {note.text for note in notes_of(*sites())}
