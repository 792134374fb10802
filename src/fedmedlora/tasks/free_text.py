"""What may come next in an answer in words of the model's own: anything, up to a length.

What is written often follows the text that was read, so what came next there is to be expected
next: a draft of it is checked in one pass, and whether it was right changes no answer.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from fedmedlora.tasks.answers import Anything
from fedmedlora.tasks.heads import Ids


@dataclass(frozen=True, slots=True)
class Written:
    """How far an answer has come: how many ids, the last of them, and whether the end was said."""

    num_ids: int = 0
    last: Ids = ()
    is_whole: bool = False


@dataclass(frozen=True)
class FreeText:
    """The grammar of one answer.

    Attributes:
        text: Ids of the text that was read.
        num_ids: How many ids there are to write with.
        end: Says that the answer is whole.
        most_ids: The most ids of an answer, its end among them.
    """

    text: Ids
    num_ids: int
    end: int
    most_ids: int

    def shortened(self, num_ids: int) -> "FreeText":
        """Return itself: room for an answer was made where the text was cut."""
        del num_ids
        return self

    def begin(self) -> Written:
        """Return the state before the first id."""
        return Written()

    def legal(self, state: Written) -> Ids | Anything:
        """Return the ids that may come next; none once the answer is whole."""
        if state.is_whole:
            return ()
        if state.num_ids + 1 >= self.most_ids:
            return (self.end,)
        return Anything(self.num_ids, self._follows.get(state.last, self.end))

    def step(self, state: Written, id_: int) -> Written:
        """Return the state after one more id."""
        last = (*state.last[-1:], id_)
        return Written(state.num_ids + 1, last, is_whole=id_ == self.end)

    def is_mark(self, before: Written, after: Written) -> bool:
        """Return False: no word counts more than another."""
        del before, after
        return False

    @cached_property
    def _follows(self) -> dict[Ids, int]:
        """Return what comes next in the text after two ids, where they last stand."""
        return {
            (first, second): third for (first, second), (_, third) in pairwise(pairwise(self.text))
        }
