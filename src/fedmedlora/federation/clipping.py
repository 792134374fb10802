"""No update moves the model much further than updates do: what is larger is scaled down.

    bound  =  f · max(m, min(l, f·m)),   at most  c·√n          update  <-  update · bound / norm

The norm is the L2 norm, in float64, of all tensors of one kind: the adapter's, and apart from them
each kind of companion, for a change of gradients has another unit than a change of weights. B is
measured in the site's own alpha / rank, in which it was trained, so that a site of another form is
compared with what it did. m is the median of the norms that were accepted in the arm's rounds
before, clipped ones at their bound; l the lower median of this round's; f a number; c the largest
root mean square of the n values. Where no round was before, c alone counts. Companions have f^2 in
the place of f: AdamW takes the size out of gradients before they move a weight, and a method's
companions are made of gradients as they are, up to 6 times as large as the median at honest sites.

Without l, honest updates would be clipped: while the learning rate warms up, norms grow to 3.1
times those of the rounds before at all sites alike. l lets in what half of the sites do, f times
as much at most, so that a round of attackers alone cannot raise the bound by more.

An update within the bounds is passed on as it came, the very same tensors.

Where the server sees the sum alone, each site holds its own update to its own rounds before: they
give m, and l is the norm at hand, so that it may grow f times as fast as another's.

Source: Sun et al. 2019, Can You Really Backdoor Federated Learning? (arXiv 1911.07963), section 4,
norm thresholding; there with a bound that is given. Median, kinds and l are ours.
"""

import math
import statistics
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedmedlora.adapters.kinds import kind_of
from fedmedlora.adapters.weights import AdapterWeights, lora_factor
from fedmedlora.federation.updates import SiteUpdate

_ADAPTER = "adapter"


@dataclass(frozen=True, slots=True)
class Limits:
    """How far an update may go.

    Attributes:
        norm_factor: f.
        largest_rms: c.
    """

    norm_factor: float
    largest_rms: float


@dataclass(frozen=True, slots=True)
class Clip:
    """One update that was scaled down.

    Attributes:
        kind: Of the tensors that were, "adapter" or a kind of companions.
    """

    site: str
    kind: str
    norm: float
    bound: float


@dataclass(frozen=True, slots=True)
class Clipped:
    """Updates of which none goes too far.

    Attributes:
        updates: In the order in which they came.
        norms: By site and kind, as they came.
        bounds: By kind.
        clips: Which were scaled down.
    """

    updates: tuple[SiteUpdate, ...]
    norms: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    bounds: Mapping[str, float] = field(default_factory=dict)
    clips: tuple[Clip, ...] = ()


def clipped(
    updates: Sequence[SiteUpdate],
    limits: Limits,
    *,
    accepted: Mapping[str, Sequence[float]],
    scalings: Mapping[str, float],
) -> Clipped:
    """Return updates none of which goes too far, and what was measured.

    Tensors are scaled when they are asked for, so memory holds no more than before.

    Args:
        accepted: By kind, the norms of the arm's rounds before; see `accepted_norms`.
        scalings: Site to its alpha / rank over the federation's; 1 where it is not named.
    """
    sizes, norms = _Sizes(), {}
    for update in updates:
        scaling = scalings.get(update.report.site, 1.0)
        norms[update.report.site] = sizes.measured(update.delta, scaling)
    bounds = _bounds(limits, sizes, norms.values(), accepted)
    clips = tuple(
        Clip(site, kind, norm, bounds[kind])
        for site, one in norms.items()
        for kind, norm in one.items()
        if norm > bounds[kind]
    )
    return Clipped(tuple(_scaled(one, clips) for one in updates), norms, bounds, clips)


def held_back(
    delta: AdapterWeights,
    limits: Limits,
    *,
    before: Mapping[str, Sequence[float]],
    scaling: float,
) -> tuple[AdapterWeights, dict[str, float]]:
    """Return a site's own update so that it does not go too far, and its norms then, by kind.

    Args:
        before: By kind, the norms that its rounds before ended with.
        scaling: Its alpha / rank over the federation's.
    """
    sizes = _Sizes()
    norms = sizes.measured(delta, scaling)
    bounds = _bounds(limits, sizes, [norms], before)
    factors = {kind: bounds[kind] / norm for kind, norm in norms.items() if norm > bounds[kind]}
    held = {kind: min(norm, bounds[kind]) for kind, norm in norms.items()}
    return _Scaled(delta, factors) if factors else delta, held


def accepted_norms(documents: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    """Return by kind the norms that rounds went on with, from their documents."""
    found: dict[str, list[float]] = {}
    # A run that an earlier version began has rounds in which nothing was measured.
    for clipping in (document["clipping"] for document in documents if "clipping" in document):
        for one in clipping["norms"].values():
            for kind, norm in one.items():
                found.setdefault(kind, []).append(min(norm, clipping["bounds"][kind]))
    return found


def clipping_json(clipping: Clipped) -> dict[str, Any]:
    """Return what was measured and done as plain values for JSON."""
    return {
        "norms": {site: dict(one) for site, one in clipping.norms.items()},
        "bounds": dict(clipping.bounds),
        "clipped": [asdict(clip) for clip in clipping.clips],
    }


@dataclass(slots=True)
class _Sizes:
    """How many values a kind has at most, of all that were measured."""

    most: dict[str, int] = field(default_factory=dict)

    def measured(self, delta: AdapterWeights, scaling: float) -> dict[str, float]:
        """Return the norm of each kind."""
        squares: dict[str, list[float]] = {}
        sizes: dict[str, int] = {}
        for name in sorted(delta):
            tensor, kind = delta[name], kind_of(name) or _ADAPTER
            own = scaling if kind == _ADAPTER and lora_factor(name) == "B" else 1.0
            squares.setdefault(kind, []).append(_square(tensor) / own**2)
            sizes[kind] = sizes.get(kind, 0) + tensor.size
        self.most = {kind: max(size, self.most.get(kind, 0)) for kind, size in sizes.items()} | {
            kind: size for kind, size in self.most.items() if kind not in sizes
        }
        return {kind: math.sqrt(math.fsum(parts)) for kind, parts in squares.items()}


def _square(tensor: NDArray[np.float32]) -> float:
    return float(np.square(tensor, dtype=np.float64).sum())


def _bounds(
    limits: Limits,
    sizes: _Sizes,
    norms: Collection[Mapping[str, float]],
    accepted: Mapping[str, Sequence[float]],
) -> dict[str, float]:
    return {
        kind: _bound(
            limits.norm_factor ** (1 if kind == _ADAPTER else 2),
            limits.largest_rms * math.sqrt(sizes.most[kind]),
            [one[kind] for one in norms if kind in one],
            accepted.get(kind, ()),
        )
        for kind in sorted(sizes.most)
    }


def _bound(factor: float, largest: float, now: Sequence[float], before: Sequence[float]) -> float:
    # Rounds in which nothing moved, as where B is zero and A alone is trained, tell nothing.
    moved = [norm for norm in before if norm > 0]
    if not moved:
        return largest
    middle = statistics.median(moved)
    together = min(statistics.median_low(now), factor * middle)
    return min(largest, factor * max(middle, together))


def _scaled(update: SiteUpdate, clips: Sequence[Clip]) -> SiteUpdate:
    own = {clip.kind: clip.bound / clip.norm for clip in clips if clip.site == update.report.site}
    return replace(update, delta=_Scaled(update.delta, own)) if own else update


class _Scaled(Mapping[str, NDArray[np.float32]]):
    """The tensors of an update, each times the number of its kind."""

    __slots__ = ("_delta", "_factors")

    def __init__(self, delta: AdapterWeights, factors: Mapping[str, float]) -> None:
        self._delta, self._factors = delta, factors

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        tensor, factor = self._delta[name], self._factors.get(kind_of(name) or _ADAPTER)
        if factor is None:
            return tensor
        return np.multiply(tensor, factor, dtype=np.float64).astype(np.float32)

    def __iter__(self) -> Iterator[str]:
        return iter(self._delta)

    def __len__(self) -> int:
        return len(self._delta)
