"""Rules that average, for methods to build upon: they differ in what shares follow from."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.federation.local_rule import UNCHANGED, LocalRule
from fedmedlora.federation.strategy import Combine, Make, Need, Strategy, averaged
from fedmedlora.federation.updates import SiteReport
from fedmedlora.federation.weighting import Weighed, Weighting, weigh


def weighted(name: str, weighting: Weighting) -> Strategy:
    """Return the average with shares by size, loss and shift, as far as each counts."""
    counts: dict[Need, float] = {
        "validation_loss": weighting.loss_temperature,
        "shift": weighting.shift_temperature,
    }
    needs = frozenset(need for need, temperature in counts.items() if temperature > 0)
    return Strategy(name, needs, partial(_weigh, weighting=weighting))


def _weigh(
    memory: AdapterWeights, reports: Sequence[SiteReport], *, weighting: Weighting
) -> Weighed:
    del memory
    return weigh(reports, weighting)


def alike(name: str, own: object, weighting: Weighting) -> Strategy:
    """Return the average in which every site counts alike."""
    del own, weighting
    return weighted(name, Weighting(0.0, 0.0, 0.0))


def by_size_with(
    *, local: LocalRule = UNCHANGED, combine: Combine = averaged, patches_base: bool = False
) -> Make:
    """Return what makes the average by size with another local rule, or another combination."""

    def make(name: str, own: object, weighting: Weighting) -> Strategy:
        return replace(
            by_size(name, own, weighting), local=local, combine=combine, patches_base=patches_base
        )

    return make


def by_size(name: str, own: object, weighting: Weighting) -> Strategy:
    """Return the average in which every label token counts alike, up to the limit on shares."""
    del own
    return weighted(name, Weighting(1.0, 0.0, 0.0, weighting.max_share))
