"""Fed-MedLoRA+ as its code was released: shares in proportion to exp(1 - loss), sizes left out.

Source: github.com/Yale-BIDS-Chen-Lab/FL_LLM_Med, src/algorithm/loss_avg_algorithm.py, commit
f8d4821.
"""

from fedmedlora.federation.averaging import weighted
from fedmedlora.federation.strategy import Method, Strategy
from fedmedlora.federation.weighting import Weighting


def _strategy(name: str, own: object, weighting: Weighting) -> Strategy:
    del own
    return weighted(name, Weighting(0.0, 1.0, 0.0, weighting.max_share))


METHOD = Method("Fed-MedLoRA+ as released", _strategy)
