"""How a figure is spread over sites.

    mean = sum(x) / n    harmonic mean = n / sum(1 / x), zero where any x is zero
    std = sqrt(sum((x - mean)^2) / n), of the population: these sites are all there are

Sites where the figure is undefined are skipped.
"""

import statistics
from collections.abc import Mapping


def summary(values: Mapping[str, float | None]) -> dict[str, float | None]:
    """Return mean, minimum, harmonic mean and standard deviation over sites, None if undefined.

    Args:
        values: Site to its figure, None where undefined, never negative.
    """
    defined = [value for value in values.values() if value is not None]
    if not defined:
        return {"mean": None, "min": None, "harmonic_mean": None, "std": None}
    return {
        "mean": statistics.fmean(defined),
        "min": min(defined),
        "harmonic_mean": statistics.harmonic_mean(defined),
        "std": statistics.pstdev(defined),
    }
