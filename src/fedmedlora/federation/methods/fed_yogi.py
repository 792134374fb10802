"""FedYogi: v <- v - (1 - b2) D^2 sign(v - D^2) in the adaptive step of the server.

Unlike FedAdam's, v falls no faster than it rises when what the sites point at gets small.

Source: Reddi et al. 2021 (arXiv 2003.00295), Algorithm 2.
"""

import numpy as np

from fedmedlora.federation.adaptive import adaptive

METHOD = adaptive(
    "FedYogi", lambda v, square, decay: v - (1 - decay) * square * np.sign(v - square)
)
