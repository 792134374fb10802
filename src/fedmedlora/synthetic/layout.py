"""How a hospital's notes are laid out, and all that makes one hospital, as plain values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of a note: a heading, then one sentence for each idea.

    Attributes:
        heading: Written as it stands, with its line breaks.
        manner: The sentence patterns, a text in the notation of `grammar`.
        ideas: Names of pattern tables, in order; `past?` comes half the time, `lab|imaging` is
            one of the two.
        joint: What stands between two sentences.
        capitals: Where capitals are put: at each `sentence`, nowhere (`none`) or at `all` letters.
    """

    heading: str
    manner: str
    ideas: str
    joint: str = " "
    capitals: str = "sentence"


@dataclass(frozen=True, slots=True)
class Hospital:
    """One hospital that does not exist.

    Attributes:
        vocabulary: Its own words and its cases, a text in the notation of `grammar`.
        layouts: The kinds of note it writes; sections in order.
    """

    name: str
    vocabulary: str
    layouts: tuple[tuple[Section, ...], ...]
