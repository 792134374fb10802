"""What may come next in an answer that copies a text and marks spans in it.

At each step the next token of the text or, but not inside a word, a mark that is legal there:

- a span opens before a token of the text, inside at most `MAX_DEPTH - 1` others, while there is
  room for its marks;
- the innermost span closes once it holds a token of the text;
- at the end of the text all spans close, and then comes the end.

So every answer ends, is the text once its marks are taken out, and nests properly. Marks may take
several tokens; where one begins with the very token that the text goes on with, the text wins, so
that an answer can be read in one way only.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

Ids = tuple[int, ...]

MAX_DEPTH = 3


@dataclass(frozen=True, slots=True)
class Marks:
    """The ids of every mark an answer may hold.

    Attributes:
        openings: One for each type, in the order in which the types are asked for.
        closing: The same for all types.
        end: Says that the answer is whole.
    """

    openings: tuple[Ids, ...]
    closing: Ids
    end: int


@dataclass(frozen=True, slots=True)
class State:
    """How far an answer has come.

    Attributes:
        place: Tokens of the text copied so far.
        num_ids: Ids so far.
        pending: Ids of a mark that is begun and not whole.
        open: Spans that are open, as (type, place), outermost first.
        spans: Spans that are closed, as (first, past the last, type), by token of the text.
        is_whole: Whether the end was said.
    """

    place: int = 0
    num_ids: int = 0
    pending: Ids = ()
    open: tuple[tuple[int, int], ...] = ()
    spans: tuple[tuple[int, int, int], ...] = ()
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class CopyOrTag:
    """The grammar of one answer.

    Attributes:
        text: The ids to be copied.
        marks: The marks that may stand between them.
        inside: Places where no mark may stand, each as the number of ids copied before.
        most_ids: The most ids of an answer, its end among them; None sets no limit.
    """

    text: Ids
    marks: Marks
    inside: frozenset[int] = frozenset()
    most_ids: int | None = None

    @property
    def room(self) -> float:
        """Return how many ids of marks an answer may hold."""
        return math.inf if self.most_ids is None else self.most_ids - len(self.text) - 1

    @property
    def end(self) -> int:
        """Return the id that says that an answer is whole."""
        return self.marks.end

    def shortened(self, num_ids: int) -> "CopyOrTag":
        """Return the same for answers that may be so many ids shorter at most."""
        return self if self.most_ids is None else replace(self, most_ids=self.most_ids - num_ids)

    def begin(self) -> State:
        """Return the state before the first id."""
        return State()

    def is_mark(self, before: State, after: State) -> bool:
        """Return whether a step was of a mark."""
        return after.place == before.place and not after.is_whole

    def legal(self, state: State) -> Ids:
        """Return the ids that may come next; none once the answer is whole."""
        if state.is_whole:
            return ()
        marks = self._marks_at(state)
        if begun := len(state.pending):
            going_on = (mark[begun] for mark in marks if mark[:begun] == state.pending)
            return tuple(dict.fromkeys(going_on))
        nexts = tuple(dict.fromkeys(mark[0] for mark in marks))
        if state.place == len(self.text):
            return nexts or (self.marks.end,)
        copied = self.text[state.place]
        return (copied, *(id_ for id_ in nexts if id_ != copied))

    def after(self, state: State, id_: int) -> State:
        """Return the state after one more id.

        Raises:
            ValueError: The id is not legal.
        """
        if id_ not in self.legal(state):
            raise ValueError(f"id {id_} may not come at place {state.place}")
        return self.step(state, id_)

    def step(self, state: State, id_: int) -> State:
        """Return the state after one more id, without a look at whether it is legal."""
        at_text = state.place < len(self.text)
        num_ids = state.num_ids + 1
        if not state.pending and at_text and id_ == self.text[state.place]:
            return State(state.place + 1, num_ids, (), state.open, state.spans)
        if not state.pending and not at_text and not state.open:
            return replace(state, num_ids=num_ids, is_whole=True)
        mark = (*state.pending, id_)
        if mark == self.marks.closing and self._may_close(state):
            type_, first = state.open[-1]
            spans = (*state.spans, (first, state.place, type_))
            return State(state.place, num_ids, (), state.open[:-1], spans)
        if mark in self.marks.openings:
            opened = (self.marks.openings.index(mark), state.place)
            return State(state.place, num_ids, (), (*state.open, opened), state.spans)
        return replace(state, num_ids=num_ids, pending=mark)

    def run(self, ids: Sequence[int]) -> State:
        """Return the state after many ids."""
        state = State()
        for id_ in ids:
            state = self.after(state, id_)
        return state

    def _marks_at(self, state: State) -> tuple[Ids, ...]:
        """Return the marks that may stand at a place."""
        if state.place in self.inside:
            return ()
        marks = (self.marks.closing,) if self._may_close(state) else ()
        if state.place == len(self.text) or len(state.open) == MAX_DEPTH:
            return marks
        # Marks so far, those that what is open will take, and the new one's closing.
        taken = state.num_ids - len(state.pending) - state.place
        room = self.room - taken - len(self.marks.closing) * (len(state.open) + 1)
        return marks + tuple(mark for mark in self.marks.openings if len(mark) <= room)

    def _may_close(self, state: State) -> bool:
        return bool(state.open) and state.open[-1][1] < state.place
