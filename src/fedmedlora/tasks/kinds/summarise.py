"""Summaries of a note or of a section, in the model's own words.

    {"text": "...", "summary": "..."}

    ROUGE-n    F1 of the n-grams of words, each as often as it stands in both
    ROUGE-L    F1 of the longest common subsequence of words
    entities   F1 of the note's annotated entities that stand in the summary, against those that
               stand in the one a person wrote: their recall is how many were kept, and an entity
               told beside them is one too many

Words are runs of letters and digits in lower case, not stemmed. The first three are means over
notes, as they are told everywhere; the last is micro, over the entities of a site that has any.

Source: Lin, ROUGE: A Package for Automatic Evaluation of Summaries (2004), sections 2 and 3, with
equal weights of precision and recall.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from fedmedlora.clinical.labels import MAIN_TYPES
from fedmedlora.clinical.notes import FieldKind, Labels, Note
from fedmedlora.errors import Fault
from fedmedlora.tasks.counts import Counts, Part, PartCounts, score_counts
from fedmedlora.tasks.kind import Metric
from fedmedlora.tasks.written import WrittenKind

_WORD = re.compile(r"[^\W_]+")


class Summarise(WrittenKind):
    """What of a note stands in a summary of it."""

    title = "Summaries"
    does = "writes summaries with a ROUGE-L"
    figure = "ROUGE-L"
    instruction = "Summarise the text."
    glossary: Sequence[tuple[str, str]] = (
        ("ROUGE-1, ROUGE-2", "How many words, and pairs of words, two summaries share: F1."),
        ("ROUGE-L", "The same for the longest run of words in one order, gaps allowed."),
        (
            "Entities kept",
            "F1 of the note's annotated entities in the summary, against a person's summary.",
        ),
    )
    fields: Mapping[str, FieldKind] = {"summary": "text"}
    metrics: Mapping[str, Metric] = {
        "rouge_l": Metric("rouge_l", "strict", "ROUGE-L", "ROUGE-L", "Words"),
        "rouge_1": Metric("rouge_1", "strict", "ROUGE-1", "ROUGE-1", "Words"),
        "rouge_2": Metric("rouge_2", "strict", "ROUGE-2", "ROUGE-2", "Words"),
        "entities_kept": Metric("entities", "strict", "Entities kept", "entities kept", "Facts"),
    }

    def target(self, note: Note) -> str:
        """Return the summary that a person wrote."""
        summary: str = note.fields["summary"]
        return summary

    def scored(self, parts: Sequence[Part], labels: Labels) -> Sequence[Part]:
        """Return those of some parts that a site can be scored on."""
        has_entities = any(type_ in MAIN_TYPES for type_ in labels.entities)
        return [part for part in parts if part != "entities" or has_entities]

    def faults(self, note: Note) -> Iterator[Fault]:
        """Yield that a summary says nothing."""
        if not words(self.target(note)):
            yield Fault("summary", "no word", "a summary", "write one, or leave the note out")

    def count(self, note: Note, said: str) -> Mapping[Part, PartCounts]:
        """Return what a summary shares with the one a person wrote."""
        own, persons = words(said), words(self.target(note))
        return {
            "rouge_l": score_counts(_f1(common(own, persons), len(own), len(persons))),
            "rouge_1": score_counts(rouge(own, persons, 1)),
            "rouge_2": score_counts(rouge(own, persons, 2)),
            "entities": PartCounts({"all": entities_kept(note, own, persons)}),
        }


def words(text: str) -> list[str]:
    """Return the words of a text in lower case."""
    return _WORD.findall(text.lower())


def rouge(own: Sequence[str], persons: Sequence[str], size: int) -> float:
    """Return the F1 of two texts' runs of so many words; 0 where either has none."""
    ours, theirs = _runs(own, size), _runs(persons, size)
    return _f1((ours & theirs).total(), ours.total(), theirs.total())


def common(own: Sequence[str], persons: Sequence[str]) -> int:
    """Return the length of the longest common subsequence."""
    longest = [0] * (len(persons) + 1)
    for word in own:
        diagonal = 0
        for index, other in enumerate(persons, start=1):
            diagonal, longest[index] = (
                longest[index],
                diagonal + 1 if word == other else max(longest[index], longest[index - 1]),
            )
    return longest[-1]


def entities_kept(note: Note, own: Sequence[str], persons: Sequence[str]) -> Counts:
    """Return which of a note's entities, each text once, stand in either summary."""
    told = {
        tuple(words(note.text[entity.start : entity.end]))
        for entity in note.entities
        if entity.type in MAIN_TYPES
    }
    ours, theirs = ({one for one in told if _holds(text, one)} for text in (own, persons))
    return Counts(len(ours & theirs), len(ours - theirs), len(theirs - ours))


def _runs(text: Sequence[str], size: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(islice(text, start, None) for start in range(size)), strict=False))


def _holds(text: Sequence[str], run: Sequence[str]) -> bool:
    places = range(len(text) - len(run) + 1)
    return bool(run) and any([*text[at : at + len(run)]] == [*run] for at in places)


def _f1(shared: int, ours: int, theirs: int) -> float:
    return 2 * shared / (ours + theirs) if shared else 0.0


KIND = Summarise()
