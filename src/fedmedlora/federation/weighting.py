"""How a site is weighed: its share from its size, its loss and its shift.

    w_k  =  n_k^a · exp(-t·L_k) · exp(-g·D_k)        share_k  =  w_k / Σ_j w_j

n is the number of label tokens, L the validation loss in nats per label token, D the shift. The
product is formed as a sum of logarithms. With (a, t, g) = (1, 0, 0) this is the average by size
of FedAvg; with (0, 1, 0) the factor e of exp(1 - L_k) cancels on normalising.

Source: size, McMahan et al. 2017 (arXiv 1602.05629), Algorithm 1. Loss, the released code of
Fed-MedLoRA (github.com/Yale-BIDS-Chen-Lab/FL_LLM_Med, src/algorithm/loss_avg_algorithm.py,
commit f8d4821). That size, loss and shift all count, Fed-MedLoRA+ (arXiv 2601.22124); this form
with its exponents is ours.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.errors import AggregationError
from fedmedlora.federation.updates import SiteReport

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Weighting:
    """How much size, loss and shift count.

    Attributes:
        size_exponent: a; 0 counts every site alike, 1 every label token alike.
        loss_temperature: t, per nat; 0 does not look at the loss.
        shift_temperature: g; 0 does not look at the shift.
        max_share: No site weighs more; 1 is no limit.

    Raises:
        ValueError: A number is negative, not finite, or a limit outside (0, 1].
    """

    size_exponent: float
    loss_temperature: float
    shift_temperature: float
    max_share: float = 1.0

    def __post_init__(self) -> None:
        for name in ("size_exponent", "loss_temperature", "shift_temperature"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name}: found {value}, expected a finite number, 0 or more")
        if not 0 < self.max_share <= 1:
            raise ValueError(
                f"max_share: found {self.max_share}, expected more than 0 and at most 1"
            )


@dataclass(frozen=True, slots=True)
class Weighed:
    """The shares of a round and the reasons for them, in site-name order.

    Attributes:
        shares: Site to its share; above 0, sum 1.
        factors: Site to `size`, `loss` and `shift`, each with mean 1 over the sites: 2 says that
            this alone would give the site twice the mean share.
        remembered: What the server keeps of it for the next round.
    """

    shares: Mapping[str, float]
    factors: Mapping[str, Mapping[str, float]]
    remembered: AdapterWeights = field(default_factory=dict)


def weigh(reports: Sequence[SiteReport], weighting: Weighting) -> Weighed:
    """Return the shares of the sites and the reasons for them.

    Raises:
        AggregationError: As for `shares`.
    """
    return Weighed(shares(reports, weighting), share_factors(reports, weighting))


def shares(reports: Sequence[SiteReport], weighting: Weighting) -> dict[str, float]:
    """Return each site's share, in site-name order; above 0, sum 1.

    Raises:
        AggregationError: There is no site, a site reports twice, a number that the weighting
            needs is missing or unusable, a share vanishes, or `max_share` cannot be kept.
    """
    logs = _log_factors(reports, weighting)
    raw = _relative({site: math.fsum(parts.values()) for site, parts in logs.items()})
    total = math.fsum(raw.values())
    normal = {site: weight / total for site, weight in raw.items()}
    for site, share in normal.items():
        if share == 0:
            raise AggregationError(
                f"share of {site}: found 0, expected more than 0; "
                "lower loss_temperature or shift_temperature, or leave the site out"
            )
    return _limited(normal, weighting.max_share)


def share_factors(
    reports: Sequence[SiteReport], weighting: Weighting
) -> dict[str, dict[str, float]]:
    """Return what size, loss and shift each contribute to a site's share, with mean 1 over sites.

    Up to one common number their product is the share, as long as `max_share` limits nobody.

    Raises:
        AggregationError: As for `shares`, but for vanishing shares and `max_share`.
    """
    logs = _log_factors(reports, weighting)
    factors: dict[str, dict[str, float]] = {site: {} for site in logs}
    for part in ("size", "loss", "shift"):
        raw = _relative({site: parts[part] for site, parts in logs.items()})
        mean = math.fsum(raw.values()) / len(raw)
        for site, weight in raw.items():
            factors[site][part] = weight / mean
    return factors


def loss_factors(weights: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Return the reasons for shares that follow from losses alone, each with mean 1 over sites."""
    mean = math.fsum(weights.values()) / len(weights)
    return {
        site: {"size": 1.0, "loss": weight / mean, "shift": 1.0} for site, weight in weights.items()
    }


def _log_factors(
    reports: Sequence[SiteReport], weighting: Weighting
) -> dict[str, dict[str, float]]:
    if not reports:
        raise AggregationError("aggregation: found no site to weigh, expected at least one")
    ordered = sorted(reports, key=lambda report: report.site)
    _require_once(ordered)
    size = {r.site: weighting.size_exponent * math.log(_size(r)) for r in ordered}
    loss = _decay(
        ordered, weighting.loss_temperature, "validation_loss", lambda r: r.validation_loss
    )
    shift = _decay(ordered, weighting.shift_temperature, "shift", lambda r: r.shift)
    return {site: {"size": size[site], "loss": loss[site], "shift": shift[site]} for site in size}


def _decay(
    reports: Sequence[SiteReport],
    temperature: float,
    name: str,
    value: Callable[[SiteReport], float | None],
) -> dict[str, float]:
    """Return each site's `-temperature · (value - smallest value)`."""
    if temperature == 0:
        return {report.site: 0.0 for report in reports}
    values = {report.site: finite(report.site, name, value(report)) for report in reports}
    # The smallest is taken off first so that exp neither overflows nor vanishes for all.
    smallest = min(values.values())
    return {site: -temperature * (found - smallest) for site, found in values.items()}


def _relative(logs: Mapping[str, float]) -> dict[str, float]:
    """Return numbers in proportion to exp(log), the largest being 1."""
    largest = max(logs.values())
    return {site: math.exp(log - largest) for site, log in logs.items()}


def _limited(normal: Mapping[str, float], max_share: float) -> dict[str, float]:
    """Return shares of which none is above the limit; what is cut off goes to the others.

    The others share it in proportion to their own shares, until nobody new is above the limit.
    """
    if max_share * len(normal) < 1 - _ROUNDING:
        raise AggregationError(
            f"max_share: found {max_share} for {len(normal)} sites, "
            f"expected at least {1 / len(normal):.4f}; raise max_share or wait for more sites"
        )
    limited = dict(normal)
    full: set[str] = set()
    while above := {site for site in limited if site not in full and limited[site] > max_share}:
        full |= above
        free = math.fsum(normal[site] for site in normal if site not in full)
        rest = 1 - max_share * len(full)
        for site, share in normal.items():
            limited[site] = max_share if site in full else share / free * rest
    return limited


def _size(report: SiteReport) -> int:
    num_tokens = report.num_tokens
    if type(num_tokens) is not int or num_tokens <= 0:
        raise AggregationError(
            f"num_tokens of {report.site}: found {num_tokens}, expected a whole number above 0; "
            "leave the site out of the round"
        )
    return num_tokens


def finite(site: str, name: str, value: float | None) -> float:
    """Return a number that a share needs.

    Raises:
        AggregationError: It is missing or not finite; the message names the site.
    """
    if value is None or not math.isfinite(value):
        found = "nothing" if value is None else value
        raise AggregationError(
            f"{name} of {site}: found {found}, expected a finite number; "
            "leave the site out of the round or choose a weighting that does not need it"
        )
    return value


def _require_once(ordered: Sequence[SiteReport]) -> None:
    for one, following in pairwise(ordered):
        if one.site == following.site:
            raise AggregationError(f"reports of {one.site}: found two, expected one")
