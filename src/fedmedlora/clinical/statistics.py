"""What a site's notes hold, in numbers: nothing here repeats a word of a note."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from fedmedlora.clinical.labels import MODIFIER_TYPES, in_guideline
from fedmedlora.clinical.notes import Entity, Note, SiteNotes
from fedmedlora.clinical.sentences import sentence_spans


def site_statistics(site: SiteNotes) -> dict[str, Any]:
    """Return the numbers of a site, ready for JSON.

    Keys: `site`, `public`, `labels`, `splits` (split name to `split_statistics`) and
    `texts_in_several_splits` (a text that stands in two splits makes scores too good).
    """
    return {
        "site": site.name,
        "public": site.public,
        "labels": site.labels.told(),
        "splits": {split: split_statistics(notes) for split, notes in site.splits.items()},
        "texts_in_several_splits": _texts_in_several(site.splits.values()),
    }


def split_statistics(notes: Sequence[Note]) -> dict[str, Any]:
    """Return the numbers of some notes, ready for JSON.

    Keys: `notes`, `sentences`, `words`; `entities` by type; `nested_pairs` (one span inside
    another, not equal to it); `relations` by head type and type; `share_in_guideline`, of the
    relations to modifiers; `share_in_one_sentence`, of all relations. A share of nothing is None.
    """
    sentences = [sentence_spans(note.text) for note in notes]
    relations = _relation_counts(notes)
    num_in_one = sum(map(_relations_in_one_sentence, notes, sentences))
    return {
        "notes": len(notes),
        "sentences": sum(map(len, sentences)),
        "words": sum(len(note.text.split()) for note in notes),
        "entities": _sorted(Counter(entity.type for note in notes for entity in note.entities)),
        "nested_pairs": sum(nested_pairs(note.entities) for note in notes),
        "relations": _by_head(relations),
        "share_in_guideline": _share_in_guideline(relations),
        "share_in_one_sentence": _share(num_in_one, relations.total()),
    }


def nested_pairs(entities: Iterable[Entity]) -> int:
    """Return how many pairs of entities have one span inside the other, not equal to it."""
    spans = sorted(((entity.start, entity.end) for entity in entities), key=lambda s: (s[0], -s[1]))
    num_pairs = 0
    for index, outer in enumerate(spans):
        for inner in spans[index + 1 :]:
            if inner[0] >= outer[1]:
                break
            num_pairs += inner[1] <= outer[1] and inner != outer
    return num_pairs


def _relation_counts(notes: Iterable[Note]) -> Counter[tuple[str, str]]:
    """Return how often each head type has each relation type."""
    counts: Counter[tuple[str, str]] = Counter()
    for note in notes:
        types = {entity.id: entity.type for entity in note.entities}
        counts.update((types[relation.head], relation.type) for relation in note.relations)
    return counts


def _by_head(relations: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    heads = sorted({head for head, _ in relations})
    return {
        head: _sorted(Counter({type_: n for (of, type_), n in relations.items() if of == head}))
        for head in heads
    }


def _share_in_guideline(relations: Counter[tuple[str, str]]) -> float | None:
    modifiers = {pair: n for pair, n in relations.items() if pair[1] in MODIFIER_TYPES}
    inside = sum(n for pair, n in modifiers.items() if in_guideline(*pair))
    return _share(inside, sum(modifiers.values()))


def _relations_in_one_sentence(note: Note, sentences: Sequence[tuple[int, int]]) -> int:
    """Return how many relations of a note have both ends in one sentence, and wholly."""
    starts = [start for start, _ in sentences]
    spans = {entity.id: (entity.start, entity.end) for entity in note.entities}
    num_inside = 0
    for relation in note.relations:
        ends = (spans[relation.head], spans[relation.tail])
        first = bisect_right(starts, min(ends)[0]) - 1
        num_inside += max(end for _, end in ends) <= sentences[max(first, 0)][1]
    return num_inside


def _texts_in_several(splits: Iterable[Sequence[Note]]) -> int:
    """Return how many different texts stand in more than one split."""
    counts = Counter(text for notes in splits for text in {note.text for note in notes})
    return sum(n > 1 for n in counts.values())


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items()))
