"""SCAFFOLD: what a site's gradients lack of everybody's is added to each of its steps.

    gradient at site k  <-  gradient - c_k + c
    c_k  <-  mean of the site's own gradients over the steps of the round
    x    <-  x + mean over the sites that answered of their changes
    c    <-  c + (S / N) mean over them of the change of c_k,     S of N sites answered

c and c_k are zero at first. In the paper c_k becomes c_k - c + (x - y_k) / (K eta) after K steps of
plain gradient descent (option II); as y_k = x - eta sum(g - c_k + c), that is the mean of g. Said
like this it holds for any optimiser and schedule. Here the gradients are led that AdamW is given.

Source: Karimireddy et al. 2020, SCAFFOLD (arXiv 1910.06378), Algorithm 1, server rate 1.
"""

from dataclasses import replace

import numpy as np

from fedmedlora.adapters.kinds import as_kinds, of_kind, plain
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.federation.averaging import alike
from fedmedlora.federation.combining import weighted_sum
from fedmedlora.federation.local_rule import Finished, Kept, LocalRule
from fedmedlora.federation.strategy import Combined, Method, Round, Strategy
from fedmedlora.federation.weighting import Weighting

_KIND = "control"


def _variate(bundle: AdapterWeights, like: AdapterWeights) -> AdapterWeights:
    return of_kind(bundle, _KIND) or {name: np.zeros_like(like[name]) for name in like}


def _offset(received: AdapterWeights, memory: AdapterWeights) -> AdapterWeights:
    like = plain(received)
    everybodys, own = _variate(received, like), _variate(memory, like)
    return {name: everybodys[name] - own[name] for name in like}


def _conclude(finished: Finished) -> Kept:
    before = _variate(finished.memory, finished.gradient)
    change = {name: finished.gradient[name] - before[name] for name in before}
    return Kept(sent=as_kinds(**{_KIND: change}), memory=as_kinds(**{_KIND: finished.gradient}))


def _combine(round_: Round) -> Combined:
    mean = weighted_sum(round_.updates, round_.shares, like=round_.received)
    delta, change = plain(mean), of_kind(mean, _KIND)
    answered = len(round_.updates) / round_.num_sites
    before = _variate(round_.received, delta)
    control = {
        name: (before[name] + answered * change[name].astype(np.float64)).astype(np.float32)
        for name in before
    }
    return Combined(delta, as_kinds(**{_KIND: control}))


def _strategy(name: str, own: object, weighting: Weighting) -> Strategy:
    local = LocalRule(offset=_offset, conclude=_conclude, companions=(_KIND,))
    return replace(alike(name, own, weighting), combine=_combine, local=local)


METHOD = Method("SCAFFOLD", _strategy)
