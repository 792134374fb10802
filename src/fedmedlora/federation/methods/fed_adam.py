"""FedAdam: v <- b2 v + (1 - b2) D^2 in the adaptive step of the server.

Source: Reddi et al. 2021 (arXiv 2003.00295), Algorithm 2.
"""

from fedmedlora.federation.adaptive import adaptive

METHOD = adaptive("FedAdam", lambda v, square, decay: decay * v + (1 - decay) * square)
