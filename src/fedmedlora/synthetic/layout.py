"""How a hospital's notes are laid out, and all that makes one hospital, as plain values."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of a note: a heading, then one sentence for each idea.

    Attributes:
        heading: Written as it stands, with its line breaks.
        manner: The sentence patterns, a text in the notation of `grammar`.
        ideas: Names of pattern tables, in order; `past?` comes half the time, `lab|imaging` is
            one of the two.
        joint: What stands between two sentences.
        capitals: Whether each sentence gets a capital.
    """

    heading: str
    manner: str
    ideas: str
    joint: str = " "
    capitals: Literal["sentence", "none"] = "sentence"


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
