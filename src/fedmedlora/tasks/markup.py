"""Extraction as mark-up: the model writes the window again with its spans marked.

    instruction   Copy the text and mark every ... Text:
    question      Started metoprolol 25 mg . =
    completion    Started <span class="drug">metoprolol</span> 25 mg . </s>

The window is cut into tokens once and marks go between words of those, in training and in use
alike: the completion's ids are the question's ids and the marks'. A head stands in brackets in
both. Of two crossing spans the shorter is left out of the target; so is what the grammar cannot
say (a span that lies in the window only in part, one deeper than three, one whose mark begins with
the token that the text goes on with, one for whose marks the base has no positions left).

Source: the HTML mark-up of Fed-MedLoRA (arXiv 2601.22124), its prompts' output format.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from fedmedlora.clinical.notes import trimmed
from fedmedlora.tasks.answers import Prompts, WrittenExample
from fedmedlora.tasks.copy_or_tag import MAX_DEPTH, CopyOrTag, Ids, Marks, State
from fedmedlora.tasks.findings import Decisions, Found, Lost, Span, gathered
from fedmedlora.tasks.heads import laid_out, laid_out_text
from fedmedlora.tasks.marked_text import THOUGHT_END, read_marked
from fedmedlora.tasks.marks import CLOSE, opening
from fedmedlora.tasks.prompts import MARKING
from fedmedlora.tasks.reading import Reading, announced, covered_tokens, is_cut
from fedmedlora.tasks.task import Tokenizer


@dataclass(frozen=True, slots=True)
class Markup:
    """The mark-up formulation.

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

    def example(self, reading: Reading, gold: Sequence[Span]) -> WrittenExample:
        """Return a window with its prompt and its marked copy."""
        prompt = self.prompts.prompt(reading)
        most = self.prompts.most_ids(prompt)
        grammar = self._grammar(reading, prompt.text, prompt.positions, most)
        targets = _targets(reading, prompt.positions, gold)
        completion = _written(grammar, _expressible(grammar, targets))
        return WrittenExample(prompt.instruction, prompt.question, completion, grammar)

    def found(self, reading: Reading, output: NDArray[np.int64]) -> Found:
        """Return what an answer announces: to the letter while it is legal, then as marked text.

        What made a span is its marks and the ids between them, each of which might have ended it.
        """
        text, positions = laid_out(reading, self.tokenizer)
        types = reading.types
        grammar = self._grammar(reading, text, positions)
        ids = output.tolist()
        state, rest, decided = _settled(grammar, ids)
        thoughts = self.tokenizer.text(rest).count(THOUGHT_END)
        if thoughts > laid_out_text(reading, 0)[0].count(THOUGHT_END):
            # What was legal so far was thought, not said.
            state, rest, decided = State(), ids, []
        spans = [
            announced(
                reading, bisect_left(positions, first), bisect_left(positions, last), types[type_]
            )
            for first, last, type_ in state.spans
        ]
        if state.is_whole:
            return gathered(spans, decided)
        unread = self._marked(reading, bisect_left(positions, state.place), rest)
        return gathered([*spans, *unread], decided)

    def num_positions(self, window_tokens: int) -> int:
        """Return the most tokens of an example without marks, for windows of a length."""
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

    @property
    def prompts(self) -> Prompts:
        """Return how the base is asked."""
        return Prompts(MARKING, self.tokenizer, self.most_positions)

    def _marked(self, reading: Reading, first: int, ids: Sequence[int]) -> Iterator[Span | Lost]:
        """Yield what ids announce that should have written a window from one of its tokens on."""
        text, places = laid_out_text(reading, first)
        said = takewhile(lambda id_: id_ != self.end_id, ids)
        marked = read_marked(self.tokenizer.text([*said]), text, reading.types)
        yield from marked.lost
        for span in marked.spans:
            start, end = trimmed(reading.tokens.text, places[span.start], places[span.end])
            # Of the brackets around a head nothing is in the note.
            yield Span(start, end, span.type) if start < end else "not_in_text"

    def _grammar(
        self, reading: Reading, text: Ids, positions: Sequence[int], most_ids: int | None = None
    ) -> CopyOrTag:
        openings = tuple(self.tokenizer.tokenize(opening(type_)).ids for type_ in reading.types)
        marks = Marks(openings, self.tokenizer.tokenize(CLOSE).ids, self.end_id)
        starts = {positions[first] for first, _ in reading.words}
        ends = {positions[last - 1] + 1 for _, last in reading.words}
        inside = frozenset(range(1, len(text))) - starts - ends
        return CopyOrTag(text, marks, inside, most_ids)


def _targets(
    reading: Reading, positions: Sequence[int], gold: Sequence[Span]
) -> list[tuple[int, int, int]]:
    """Return gold spans as (first, past the last, type) by token of the text, the longest first."""
    targets = set()
    for span in gold:
        covered = covered_tokens(reading, span)
        if span.type not in reading.types or covered is None or is_cut(span, reading):
            continue
        first, last = positions[covered[0]], positions[covered[1] - 1]
        targets.add((first, last + 1, reading.types.index(span.type)))
    return sorted(targets, key=lambda span: (span[0] - span[1], span))


def _expressible(
    grammar: CopyOrTag, targets: Sequence[tuple[int, int, int]]
) -> list[tuple[int, int, int]]:
    """Return the targets that one answer can hold, the longer before the shorter."""
    kept: list[tuple[int, int, int]] = []
    room = grammar.room
    for target in targets:
        around = [other for other in kept if other[0] <= target[0] and target[1] <= other[1]]
        crosses = any(
            other[0] < target[0] < other[1] < target[1]
            or target[0] < other[0] < target[1] < other[1]
            for other in kept
        )
        marks = len(grammar.marks.openings[target[2]]) + len(grammar.marks.closing)
        fits = len(around) < MAX_DEPTH and marks <= room and not _collides(grammar, target)
        if fits and not crosses:
            kept.append(target)
            room -= marks
    return kept


def _collides(grammar: CopyOrTag, target: tuple[int, int, int]) -> bool:
    first, last, type_ = target
    text, marks = grammar.text, grammar.marks
    ends = last < len(text) and text[last] == marks.closing[0]
    return ends or text[first] == marks.openings[type_][0]


def _written(grammar: CopyOrTag, spans: Sequence[tuple[int, int, int]]) -> Ids:
    """Return the ids of an answer that marks some properly nested spans, outer ones first."""
    ids: list[int] = []
    opened: list[int] = []
    for place in range(len(grammar.text) + 1):
        while opened and opened[-1] == place:
            ids += grammar.marks.closing
            opened.pop()
        for first, last, type_ in spans:
            if first == place:
                ids += grammar.marks.openings[type_]
                opened.append(last)
        ids += grammar.text[place : place + 1]
    return (*ids, grammar.marks.end)


def _settled(
    grammar: CopyOrTag, ids: Sequence[int]
) -> tuple[State, Sequence[int], list[Decisions]]:
    """Return where an answer last had nothing open while it was legal, and the ids behind that.

    With them come the ids of each of its spans, from the first of its opening on.
    """
    state = settled = State()
    num_settled = 0
    openings: list[int] = []
    decided: list[Decisions] = []
    for num_read, id_ in enumerate(ids, start=1):
        try:
            after = grammar.after(state, id_)
        except ValueError:
            break
        if len(after.open) > len(state.open):
            openings.append(num_read - len(state.pending) - 1)
        elif len(after.open) < len(state.open):
            decided.append(slice(openings.pop(), num_read))
        state = after
        if not state.open and not state.pending:
            settled, num_settled = state, num_read
    return settled, ids[num_settled:], decided[: len(settled.spans)]
