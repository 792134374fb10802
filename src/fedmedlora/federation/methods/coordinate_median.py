"""Coordinate-wise median: of every value the middle one over the sites, or the mean of two.

It holds against attackers as long as they are fewer than half of the sites. There is no share:
sizes, losses and `max_share` do not count. Where sites differ much, the middle of a few is far
from their mean, also without any attack.

Source: Yin et al. 2018, Byzantine-Robust Distributed Learning: Towards Optimal Statistical Rates
(arXiv 1803.01498), Definition 1.
"""

from dataclasses import replace

import numpy as np

from fedmedlora.federation.averaging import alike
from fedmedlora.federation.coordinates import Floats, coordinate_wise
from fedmedlora.federation.strategy import Combined, Method, Round, Strategy
from fedmedlora.federation.weighting import Weighting


def _middle(values: Floats) -> Floats:
    middle: Floats = np.median(values, axis=0)
    return middle


def _combine(round_: Round) -> Combined:
    return coordinate_wise(round_, _middle)


def _strategy(name: str, own: object, weighting: Weighting) -> Strategy:
    return replace(alike(name, own, weighting), combine=_combine, one_rank=True)


METHOD = Method("Coordinate median (no shares)", _strategy)
