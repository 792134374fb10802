"""Fed-MedLoRA+: shares follow size, validation loss and shift, with the experiment's exponents.

Source: Fed-MedLoRA+ (arXiv 2601.22124) for what counts; the form is ours, see `weighting`.
"""

from fedmedlora.federation.averaging import weighted
from fedmedlora.federation.strategy import Method

METHOD = Method("Fed-MedLoRA+", lambda name, _, weighting: weighted(name, weighting))
