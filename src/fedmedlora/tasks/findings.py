"""What extraction finds in a note, in characters of the note, ready to be scored."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Literal

from fedmedlora.clinical.labels import MAIN_TYPES
from fedmedlora.clinical.notes import Labels, Note, trimmed


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A typed stretch of text; characters of the note, end exclusive."""

    start: int
    end: int
    type: str


@dataclass(frozen=True, slots=True, order=True)
class Link:
    """A relation by its ends: a main entity, and the span tied to it.

    The tail has the relation's own type: in `causes`, the second main entity is a span of type
    `causes`, so that a tail is known by what it is to its head.
    """

    head: Span
    tail: Span

    @property
    def type(self) -> str:
        """Return the relation's type."""
        return self.tail.type


Lost = Literal[
    "unknown_type",
    "no_text",
    "never_closed",
    "not_in_text",
    "repeated",
    "unreadable",
    "refused",
    "cut_off",
    "too_long",
    "no_answer",
]
"""Why an entity that an answer announced stands nowhere in the text:

unknown_type    its type was not asked for
no_text         nothing but white space was marked
never_closed    where it ends is not said
not_in_text     what was marked is not in the text that was read
repeated        the same entity was announced before

or why an answer announced none, however many it may have meant:

unreadable      it is not of the form that was asked for
refused         the model would not answer, or its keeper held the answer back
cut_off         it had more to say than it was let
too_long        the question was more than the model reads at once
no_answer       none came
"""


Decisions = slice | tuple[list[int], int]
"""Ids of an answer that is written, or rows and the column of tags."""


@dataclass(frozen=True, slots=True)
class Found:
    """What one answer announced: as many entities as it has spans and lost ones together.

    Attributes:
        spans: Those that stand in the text, in reading order, each once.
        lost: Why, for each of the others.
        decided: Which values of the output made a span, as an index into it; a span is not in here
            where no value alone stands for it, as where an answer was read as plain text.
    """

    spans: tuple[Span, ...] = ()
    lost: tuple[Lost, ...] = ()
    decided: Mapping[Span, Decisions] = field(default_factory=dict, compare=False)


def gathered(announced: Iterable[Span | Lost], decided: Iterable[Decisions] = ()) -> Found:
    """Return what an answer announced, given where each entity stands or why it is lost.

    Args:
        announced: Entity by entity.
        decided: What made each of them; those that nothing is said of come last.
    """
    spans: dict[Span, Decisions | None] = {}
    lost: list[Lost] = []
    for entity, made_by in zip_longest(announced, decided):
        if not isinstance(entity, Span):
            lost.append(entity)
        elif entity in spans:
            lost.append("repeated")
        else:
            spans[entity] = made_by
    known = {span: made_by for span, made_by in spans.items() if made_by is not None}
    return Found(tuple(sorted(spans)), tuple(lost), known)


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything found in one note; duplicates removed, in reading order.

    Attributes:
        entities: Main entities.
        links: Relations of those very entities (end to end).
        gold_links: Relations found when the gold main entities are given as heads.
        lost: Why, for each entity or tail that an answer announced and that stands nowhere.
        log_probs: How likely the model held an entity, or a link of its own: the log-probability,
            in nats, of the decisions that made it, those of a link's head among them. What the
            model does not tell is not in here.
        heads: Of gold, the entities that are given as heads: those that a site annotates, and
            those of its `Labels.heads`.
    """

    entities: tuple[Span, ...]
    links: tuple[Link, ...] = ()
    gold_links: tuple[Link, ...] = ()
    lost: tuple[Lost, ...] = ()
    log_probs: Mapping[Span | Link, float] = field(default_factory=dict, compare=False)
    heads: tuple[Span, ...] = field(default=(), compare=False)


def gold_findings(note: Note, labels: Labels) -> Findings:
    """Return what a perfect extraction of a note would find, within a site's labels.

    A relation counts where its head is a main entity that the site annotates, or gives, and its own
    type is annotated there; end to end only where the head is annotated. White space at the ends of
    a span is no part of it.
    """
    spans = {e.id: Span(*trimmed(note.text, e.start, e.end), e.type) for e in note.entities}
    given = set(MAIN_TYPES) & set(labels.marked)
    heads = tuple(sorted({span for span in spans.values() if span.type in given}))
    main = tuple(span for span in heads if span.type in labels.entities)
    links = {
        Link(spans[r.head], Span(spans[r.tail].start, spans[r.tail].end, r.type))
        for r in note.relations
        if r.type in labels.relations and spans[r.head] in heads
    }
    gold_links = tuple(sorted(links))
    own = tuple(link for link in gold_links if link.head in main)
    return Findings(main, own, gold_links, heads=heads)


def as_drawn(findings: Findings) -> dict[str, object]:
    """Return entities and their relations as the report draws them."""
    return {
        "entities": [
            {"start": span.start, "end": span.end, "type": span.type} for span in findings.entities
        ],
        "links": [
            {
                "head": {"start": k.head.start, "end": k.head.end, "type": k.head.type},
                "tail": {"start": k.tail.start, "end": k.tail.end, "type": k.tail.type},
            }
            for k in findings.links
        ],
    }
