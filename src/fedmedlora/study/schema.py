"""What can stand in a study: its settings, their variants, and what is changed at sites."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from fedmedlora.experiment.places import NAME
from fedmedlora.ranges import Rule, at_least

_Count = Annotated[int, at_least(1)]
_SOME = Rule(
    "with at least one item and none twice", lambda items: 0 < len(items) == len(set(items))
)
Asked = Literal["methods", "gaps", "number_of_sites", "outlier", "new_site"]
TOGETHER = "+"
"""Between arms of one cell, as one that starts from what another learnt."""


def leading(group: str) -> str:
    """Return the first arm of a group, which the others start from."""
    return group.partition(TOGETHER)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hospitals:
    """Invented hospitals, written before the first cell where the folder is not there.

    Attributes:
        folder: Where they go; a relative one starts where the file lies.
        seed: What their notes follow from.
        notes: Training notes of the five sites together; None is as the demo has them.
    """

    folder: Path
    seed: Annotated[int, at_least(0)] = 0
    notes: _Count | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the sites before a cell runs.

    Attributes:
        kind: Its file in `fedmedlora.study.changes`.
        settings: What that file takes.
    """

    kind: str
    settings: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One value of what a setting varies.

    Attributes:
        name: What tables call it.
        x: Where it stands on the axis of a curve; None draws no curve.
        arms: The arms that it is for, as the setting names them; none is all of them.
        values: What is said otherwise than in the experiment's file, by dotted key, as
            `training.epochs`; a site's is `sites.FOLDER.max_notes`.
        changes: Of the sites, one after the other.
    """

    name: Annotated[str, NAME] = "as_is"
    x: float | None = None
    arms: tuple[str, ...] = ()
    values: Mapping[str, object] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One question: an experiment, which arms answer it, how often, and what is varied.

    Attributes:
        name: Of its folder of cells.
        title: Of its table.
        experiment: The file all cells begin from, beside the study's where it is relative; its own
            arms and seed do not count.
        arms: Each is a cell of its own; those with + between them are one.
        seeds: Each is a cell of its own.
        tuned_by: The setting whose variants are the trials of each arm that is trained; the values
            of the one with the best dev score are taken over, before the variant's own. A group
            of arms has the trials of its first.
        curve: What the x of the variants is, with its unit.
        screening: One seed, to see what is far off, not to be quoted.
        asks: What its figures are held against, by the names in `fedmedlora.study.verdicts`.
        values: For all variants, see there.
        changes: For all variants, before theirs.
        variants: What is varied; without any there is one, as it is.
    """

    name: Annotated[str, NAME]
    title: str
    experiment: Path
    arms: Annotated[tuple[str, ...], _SOME]
    seeds: Annotated[tuple[Annotated[int, at_least(0)], ...], _SOME] = (0,)
    tuned_by: str | None = None
    curve: str = ""
    screening: bool = False
    asks: tuple[Asked, ...] = ()
    values: Mapping[str, object] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    variants: tuple[Variant, ...] = (Variant(),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A grid of cells.

    Attributes:
        name: What its pages call it.
        reference: The arm that all others are held against, fixed before test notes are read.
        replicates: Bootstrap draws behind each interval, the same for all cells.
        hospitals: Invented ones, which cells read.
        settings: What is run and told, in this order.
    """

    name: Annotated[str, NAME]
    reference: str = "fed_medlora_plus"
    replicates: _Count = 2000
    hospitals: Hospitals | None = None
    settings: tuple[Setting, ...]
