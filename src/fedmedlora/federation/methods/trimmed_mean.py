"""Trimmed mean: of every value the largest and the smallest are left out, the rest averaged alike.

    k = floor(t K) of K sites left out on each side,    x  <-  x + mean of the other K - 2k

value by value, so that no site as a whole is in or out and there is no share: sizes, losses and
`max_share` do not count. It holds against k attackers. Unless told otherwise t is a fifth: one of
the five hospitals of a small federation, and where there are four or fewer nobody, for of so few
there is none to spare.

Source: Yin et al. 2018, Byzantine-Robust Distributed Learning: Towards Optimal Statistical Rates
(arXiv 1803.01498), Definition 2.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated

import numpy as np

from fedmedlora.federation.averaging import alike
from fedmedlora.federation.coordinates import Floats, coordinate_wise
from fedmedlora.federation.strategy import Combined, Method, Round, Strategy
from fedmedlora.federation.weighting import Weighting
from fedmedlora.ranges import at_least, below


@dataclass(frozen=True, slots=True, kw_only=True)
class TrimmedMean:
    """Numbers of the rule.

    Attributes:
        trim: t, the part of the sites that is left out on each side, rounded down to whole sites.
    """

    trim: Annotated[float, at_least(0), below(0.5)] = 0.2


def _inner_mean(values: Floats, *, trim: float) -> Floats:
    count = len(values)
    cut = int(trim * count)
    inner: Floats = np.sort(values, axis=0)[cut : count - cut].mean(axis=0)
    return inner


def _combine(round_: Round, *, own: TrimmedMean) -> Combined:
    return coordinate_wise(round_, partial(_inner_mean, trim=own.trim))


def _strategy(name: str, own: TrimmedMean, weighting: Weighting) -> Strategy:
    rule = alike(name, own, weighting)
    return replace(rule, combine=partial(_combine, own=own), one_rank=True)


METHOD = Method("Trimmed mean (no shares)", _strategy, TrimmedMean)
