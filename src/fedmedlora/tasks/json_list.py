"""Extraction as a JSON list: the model says what it found, in the order of the text.

    instruction   List in the order of the text every ... Text:
    question      Started metoprolol 25 mg . =
    completion    [{"type": "drug", "text": "metoprolol"}]</s>

Where a finding stands is not said, so that each takes the next occurrence of its text that is
free, see `items`: one that the notes leave out, before one that they annotate, is mistaken for it.
Texts are copied token by token and begin and end with words. Of two spans of one type that begin
together the longer is in the target; what the list cannot say is left out of it (a span that lies
in the window only in part, one whose text JSON would have to escape, one without room).

Source: the JSON form of Fed-MedLoRA's prompts (arXiv 2601.22124).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile

import numpy as np
from numpy.typing import NDArray

from fedmedlora.tasks.answers import Prompts, WrittenExample
from fedmedlora.tasks.findings import Decisions, Found, Span
from fedmedlora.tasks.heads import Ids
from fedmedlora.tasks.items import read_items
from fedmedlora.tasks.list_items import ItemMarks, ListItems
from fedmedlora.tasks.prompts import LISTING
from fedmedlora.tasks.reading import Reading, covered_tokens, inked, is_cut
from fedmedlora.tasks.task import Tokenizer

_OPEN = '{{"type": "{}", "text": "'
_CLOSE = '"}'
_ESCAPED = ('"', "\\")

_Target = tuple[int, int, int]
"""First token of the window, one past the last, type by number."""


@dataclass(frozen=True, slots=True)
class JsonList:
    """The formulation that lists.

    Attributes:
        types: Every type that can be asked for.
        tokenizer: The base model's own.
        end_id: What the base says at the end of an answer.
        most_positions: The most tokens the base reads at once; None where it sets no limit.
    """

    types: tuple[str, ...]
    tokenizer: Tokenizer
    end_id: int
    most_positions: int | None = None

    @property
    def prompts(self) -> Prompts:
        """Return how the base is asked."""
        return Prompts(LISTING, self.tokenizer, self.most_positions)

    def example(self, reading: Reading, gold: Sequence[Span]) -> WrittenExample:
        """Return a window with its prompt and its list."""
        prompt = self.prompts.prompt(reading)
        grammar = self._grammar(reading, self.prompts.most_ids(prompt))
        completion = _written(grammar, _expressible(grammar, _targets(reading, gold)))
        return WrittenExample(prompt.instruction, prompt.question, completion, grammar)

    def found(self, reading: Reading, output: NDArray[np.int64]) -> Found:
        """Return what an answer announces; what made an item is its ids, its marks among them."""
        said = [*takewhile(lambda id_: id_ != self.end_id, output.tolist())]
        return read_items(self.tokenizer.text(said), reading, _ended(said, self._ids(_CLOSE)))

    def num_positions(self, window_tokens: int) -> int:
        """Return the tokens of an example whose list is as long as its window, for a length."""
        return self.prompts.num_positions(self.types, window_tokens)

    def spare(self, window_tokens: int) -> float:
        """Return how many tokens are left for examples that are shown before a window."""
        return self.prompts.spare(self.types, window_tokens)

    def num_shown(self, example: WrittenExample) -> int:
        """Return how many tokens showing an example takes."""
        return self.prompts.num_shown(example)

    def behind(self, example: WrittenExample, shown: Sequence[WrittenExample]) -> WrittenExample:
        """Return an example that comes behind others, which are shown with their answers."""
        return self.prompts.behind(example, shown)

    def _grammar(self, reading: Reading, most_ids: int | None) -> ListItems:
        opens = [self._ids(f"[{_OPEN.format(type_)}") for type_ in reading.types]
        more = [self._ids(f", {_OPEN.format(type_)}") for type_ in reading.types]
        closing, last, empty = map(self._ids, (_CLOSE, "]", "[]"))
        marks = ItemMarks(tuple(opens), tuple(more), closing, last, empty, self.end_id)
        text = reading.tokens.ids[reading.first : reading.last]
        spelt = [word for word in reading.words if inked(reading, *word)]
        starts = tuple(first for first, _ in spelt)
        ends = frozenset(last for _, last in spelt)
        return ListItems(text, marks, starts, ends, _barred(reading), most_ids)

    def _ids(self, text: str) -> Ids:
        return self.tokenizer.tokenize(text).ids


def _ended(ids: Sequence[int], closing: Ids) -> list[Decisions]:
    """Return the ids of each item, of which none but the last of it ends one."""
    places = range(len(closing), len(ids) + 1)
    ends = [last for last in places if tuple(ids[last - len(closing) : last]) == closing]
    return [slice(first, last) for first, last in pairwise([0, *ends])]


def _barred(reading: Reading) -> frozenset[int]:
    """Return the tokens that JSON would have to escape."""
    texts = (reading.tokens.text[start:end] for start, end in reading.offsets)
    return frozenset(
        index
        for index, text in enumerate(texts)
        if any(letter in _ESCAPED or not letter.isprintable() for letter in text)
    )


def _targets(reading: Reading, gold: Sequence[Span]) -> list[_Target]:
    """Return gold spans in the order of the text, of two that begin together the longer first."""
    targets = set()
    for span in gold:
        covered = covered_tokens(reading, span)
        if span.type in reading.types and covered is not None and not is_cut(span, reading):
            targets.add((*covered, reading.types.index(span.type)))
    return sorted(targets, key=lambda target: (target[0], -target[1], target[2]))


def _expressible(grammar: ListItems, targets: Sequence[_Target]) -> list[_Target]:
    """Return the targets that one answer can hold."""
    kept: list[_Target] = []
    for first, last, type_ in targets:
        is_double = any(other[0] == first and other[2] == type_ for other in kept)
        is_barred = not grammar.barred.isdisjoint(range(first, last))
        longer = [*kept, (first, last, type_)]
        if not is_double and not is_barred and _fits(grammar, longer):
            kept = longer
    return kept


def _fits(grammar: ListItems, targets: Sequence[_Target]) -> bool:
    return grammar.most_ids is None or len(_written(grammar, targets)) <= grammar.most_ids


def _written(grammar: ListItems, targets: Sequence[_Target]) -> Ids:
    """Return the ids of an answer that lists some targets."""
    marks = grammar.marks
    ids: list[int] = []
    for number, (first, last, type_) in enumerate(targets):
        openings = marks.openings if number else marks.first
        ids += [*openings[type_], *grammar.text[first:last], *marks.closing]
    return (*ids, *(marks.last if targets else marks.empty), marks.end)
