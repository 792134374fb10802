"""What was found in a note, as annotations of the note."""

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from fedmedlora.clinical.labels import CROSS_RELATIONS
from fedmedlora.clinical.notes import Entity, Note, Relation
from fedmedlora.tasks.findings import Findings, Link, Span

_UNTOLD: Mapping[Span | Link, float] = MappingProxyType({})


def read_note(
    note: Note, found: Findings, confidences: Mapping[Span | Link, float] = _UNTOLD
) -> Note:
    """Return a note with what was found in it as its entities, T1, T2 in reading order.

    Args:
        confidences: How likely each find is right, as far as that is known. What is there only as
            the end of relations has that of the likeliest of them.
    """
    links = [(link.type, link.head, _tail(link.tail, found.entities)) for link in found.links]
    spans = sorted({*found.entities, *(tail for _, _, tail in links)})
    ids = {span: f"T{number}" for number, span in enumerate(spans, start=1)}
    sure = _sure(found, [tail for _, _, tail in links], confidences)
    return Note(
        note.id,
        note.site,
        note.text,
        tuple(
            Entity(ids[span], span.type, span.start, span.end, confidence=sure.get(span))
            for span in spans
        ),
        tuple(Relation(type_, ids[head], ids[tail]) for type_, head, tail in links),
        note.patient,
        note.fields,
        dict(Counter(found.lost)),
    )


def _sure(
    found: Findings, tails: Sequence[Span], confidences: Mapping[Span | Link, float]
) -> dict[Span, float]:
    """Return how likely each entity is right; the tails are those of the links, one by one."""
    sure = {span: confidences[span] for span in found.entities if span in confidences}
    for link, tail in zip(found.links, tails, strict=True):
        if link in confidences and tail not in found.entities:
            sure[tail] = max(sure.get(tail, 0.0), confidences[link])
    return sure


def _tail(tail: Span, main: Sequence[Span]) -> Span:
    """Return the entity a relation ends at: for one between main entities, the nearest to it.

    Where none was found there, it is a problem: what treats, causes and adverse effects lead to.
    """
    if tail.type not in CROSS_RELATIONS:
        return tail
    overlaps = [
        (min(tail.end, one.end) - max(tail.start, one.start), one.start, one.end, one)
        for one in main
    ]
    most, _, _, entity = max(overlaps, default=(0, 0, 0, tail))
    return entity if most > 0 else Span(tail.start, tail.end, "problem")
