"""Fed-MedLoRA: the sites' factors are averaged, each label token counting alike.

Source: Fed-MedLoRA (arXiv 2601.22124); on the factors of LoRA, FedIT (arXiv 2305.05644); the
average, McMahan et al. 2017 (arXiv 1602.05629), Algorithm 1.
"""

from fedmedlora.federation.averaging import by_size
from fedmedlora.federation.strategy import Method

METHOD = Method("Fed-MedLoRA", by_size)
