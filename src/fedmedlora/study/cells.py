"""The cells of a study: some arms, once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fedmedlora.study.schema import TOGETHER, Change, Setting, Variant, leading

Values = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Cell:
    """One run of a study: some arms, once.

    Attributes:
        arms: They run together, in one process.
        experiment: The file that it begins from.
        values: Of the experiment, by dotted key, said otherwise than in its file.
        changes: Of its sites.
    """

    setting: str
    variant: str
    arms: tuple[str, ...]
    seed: int
    experiment: Path
    values: Values
    changes: tuple[Change, ...]

    @property
    def name(self) -> str:
        """Return what its file is called, below the folder of cells and without the ending."""
        return f"{self.setting}/{self.variant}.{TOGETHER.join(self.arms)}.seed{self.seed}"


def cells_of(setting: Setting, chosen: Mapping[str, Variant] | None = None) -> Iterator[Cell]:
    """Yield the cells of a setting, variant by variant.

    Args:
        chosen: The trial that is taken over, by the arm that leads a group.
    """
    for variant in setting.variants:
        for group in setting.arms:
            if variant.arms and group not in variant.arms:
                continue
            tuned = (chosen or {}).get(leading(group), Variant())
            for seed in setting.seeds:
                yield Cell(
                    setting.name,
                    variant.name,
                    tuple(group.split(TOGETHER)),
                    seed,
                    setting.experiment,
                    {**setting.values, **tuned.values, **variant.values},
                    (*setting.changes, *variant.changes),
                )
