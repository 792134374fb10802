"""What may come next in an answer that lists findings as JSON: items whose texts are copied.

    [{"type": "drug", "text": "metoprolol"}, {"type": "drug", "text": "aspirin"}]

At each step:

- an item opens, with any type, or the list ends;
- its text goes on with what follows it wherever the window has it, from the start of a word on,
  and may end where a word ends;
- an item begins no earlier in the window than the one before, and later than the last of its type.

So every answer ends, can be read as JSON (line breaks in a text stand as they are), and names
nothing that the window does not have.
"""

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from fedmedlora.tasks.heads import Ids

Place = tuple[int, int]
"""Where a text that is being copied may have begun, and which id it goes on with."""


@dataclass(frozen=True, slots=True)
class ItemMarks:
    """The ids of all that stands between texts.

    Attributes:
        first: What opens the list and its first item, one for each type asked for.
        openings: What opens another item, one for each type.
        closing: What closes an item.
        last: What closes the list.
        empty: A list without items.
        end: Says that the answer is whole.
    """

    first: tuple[Ids, ...]
    openings: tuple[Ids, ...]
    closing: Ids
    last: Ids
    empty: Ids
    end: int


@dataclass(frozen=True, slots=True)
class ListState:
    """How far an answer has come.

    Attributes:
        num_ids: Ids so far.
        pending: Ids of a mark that is begun and not whole.
        type: Of the item that is open; None between items.
        places: Where its text may stand; none before its first id.
        began: Where the last text of each type began.
        is_closed: Whether the list is.
        is_whole: Whether the end was said.
    """

    num_ids: int = 0
    pending: Ids = ()
    type: int | None = None
    places: tuple[Place, ...] = ()
    began: tuple[tuple[int, int], ...] = ()
    is_closed: bool = False
    is_whole: bool = False

    @property
    def last_began(self) -> int:
        """Return where the last text began; -1 before the first."""
        return max((place for _, place in self.began), default=-1)


@dataclass(frozen=True)
class ListItems:
    """The grammar of one answer.

    Attributes:
        text: Ids of the window.
        marks: What stands between texts.
        starts: Places of the window where a text may begin.
        ends: Places where one may end, each as the number of ids before.
        barred: Places whose ids no text may hold.
        most_ids: The most ids of an answer, its end among them; None sets no limit.
    """

    text: Ids
    marks: ItemMarks
    starts: tuple[int, ...]
    ends: frozenset[int]
    barred: frozenset[int] = frozenset()
    most_ids: int | None = None

    @property
    def end(self) -> int:
        """Return the id that says that an answer is whole."""
        return self.marks.end

    def shortened(self, num_ids: int) -> "ListItems":
        """Return the same for answers that may be so many ids shorter at most."""
        return self if self.most_ids is None else replace(self, most_ids=self.most_ids - num_ids)

    def begin(self) -> ListState:
        """Return the state before the first id."""
        return ListState()

    def is_mark(self, before: ListState, after: ListState) -> bool:
        """Return False: nothing in a list is said for the most part."""
        del before, after
        return False

    def legal(self, state: ListState) -> Ids:
        """Return the ids that may come next; none once the answer is whole."""
        if state.is_whole:
            return ()
        begun = len(state.pending)
        marks = (mark for mark in self._marks_at(state) if mark[:begun] == state.pending)
        nexts = dict.fromkeys(mark[begun] for mark in marks)
        copied = () if state.pending else (self.text[at] for _, at in self._going_on(state))
        return tuple(dict.fromkeys((*copied, *nexts)))

    def step(self, state: ListState, id_: int) -> ListState:
        """Return the state after one more id, without a look at whether it is legal."""
        num_ids = state.num_ids + 1
        places = () if state.pending else self._going_on(state)
        if held := tuple((first, at + 1) for first, at in places if self.text[at] == id_):
            return replace(state, num_ids=num_ids, places=held)
        mark = (*state.pending, id_)
        going_on = replace(state, num_ids=num_ids, pending=())
        if state.is_closed:
            return replace(going_on, is_whole=True)
        if mark == self.marks.closing and state.type is not None:
            began = dict(state.began) | {state.type: self._ended(state)}
            return replace(going_on, type=None, places=(), began=tuple(sorted(began.items())))
        openings = self._openings(state)
        if mark in openings:
            return replace(going_on, type=openings.index(mark))
        if mark in (self.marks.last, self.marks.empty):
            return replace(going_on, is_closed=True)
        return replace(state, num_ids=num_ids, pending=mark)

    @cached_property
    def _to_end(self) -> list[float]:
        """Return how many ids it is from each place to the next where a text may end."""
        ways = [math.inf] * (len(self.text) + 1)
        for at in range(len(self.text), -1, -1):
            if at in self.ends:
                ways[at] = 0
            elif at < len(self.text) and at not in self.barred:
                ways[at] = ways[at + 1] + 1
        return ways

    def _going_on(self, state: ListState) -> tuple[Place, ...]:
        """Return where the open item's text may go on."""
        if state.type is None:
            return ()
        begun = state.places or ((at, at) for at in self._free(state, state.type))
        room = self._room(state)
        return tuple(place for place in begun if self._length_with(place[1]) <= room)

    def _length_with(self, at: int) -> float:
        """Return how many ids close an item whose text goes on with that of a place."""
        if at == len(self.text) or at in self.barred:
            return math.inf
        return 1 + self._to_end[at + 1] + len(self.marks.closing)

    def _free(self, state: ListState, type_: int) -> Iterator[int]:
        """Yield where an item of a type may begin."""
        later_than = max(state.last_began - 1, dict(state.began).get(type_, -1))
        return (start for start in self.starts if start > later_than)

    def _marks_at(self, state: ListState) -> tuple[Ids, ...]:
        if state.is_closed:
            return ((self.marks.end,),)
        if state.type is not None:
            may_end = any(at in self.ends for _, at in state.places)
            return (self.marks.closing,) if may_end else ()
        last = self.marks.last if state.began else self.marks.empty
        return (last, *self._fitting(state))

    def _fitting(self, state: ListState) -> list[Ids]:
        """Return what opens another item, of the types that have room for one."""
        lengths = (
            min(map(self._length_with, self._free(state, type_)), default=math.inf)
            for type_ in range(len(self.marks.openings))
        )
        room = self._room(state) + len(state.pending)
        openings = zip(self._openings(state), lengths, strict=True)
        return [mark for mark, length in openings if len(mark) + length <= room]

    def _openings(self, state: ListState) -> tuple[Ids, ...]:
        return self.marks.openings if state.began else self.marks.first

    def _room(self, state: ListState) -> int:
        """Return how many more ids there may be, without those that end the answer."""
        if self.most_ids is None:
            return sys.maxsize
        return self.most_ids - state.num_ids - max(len(self.marks.last), len(self.marks.empty)) - 1

    def _ended(self, state: ListState) -> int:
        """Return where a text that ends here began."""
        return min(first for first, at in state.places if at in self.ends)
