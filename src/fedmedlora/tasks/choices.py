"""What may come next in an answer that is one of a few: no more than what one of them goes on with.

So every answer is one of them, and the likeliest id is asked for only where they differ.
"""

from dataclasses import dataclass

from fedmedlora.tasks.heads import Ids


@dataclass(frozen=True, slots=True)
class Said:
    """How far an answer has come: its ids, and whether the end was said."""

    ids: Ids = ()
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class Choices:
    """The grammar of one answer.

    Attributes:
        each: Ids of every answer that may be given, without the end.
        end: Says that the answer is whole.
    """

    each: tuple[Ids, ...]
    end: int

    @property
    def text(self) -> Ids:
        """Return the longest answer."""
        return max(self.each, key=len)

    def shortened(self, num_ids: int) -> "Choices":
        """Return itself: what is to be chosen from stays."""
        del num_ids
        return self

    def begin(self) -> Said:
        """Return the state before the first id."""
        return Said()

    def legal(self, state: Said) -> Ids:
        """Return the ids that may come next; none once the answer is whole."""
        if state.is_whole:
            return ()
        num = len(state.ids)
        begun = [one for one in self.each if one[:num] == state.ids]
        return tuple(dict.fromkeys(one[num] if len(one) > num else self.end for one in begun))

    def step(self, state: Said, id_: int) -> Said:
        """Return the state after one more id, without a look at whether it is legal."""
        if id_ == self.end and state.ids in self.each:
            return Said(state.ids, is_whole=True)
        return Said((*state.ids, id_))

    def is_mark(self, before: Said, after: Said) -> bool:
        """Return False: no choice counts more than another."""
        del before, after
        return False
