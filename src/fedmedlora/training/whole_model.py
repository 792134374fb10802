"""A tagger without an adapter: every weight of the base is trained, and the head with them.

What no tag depends on, as the pooler that a few architectures bring along, is neither trained nor
sent: it would travel for nothing. Nor are buffers, which follow from config.json.

Source: McMahan et al. 2017 (arXiv 1602.05629), whose sites train and send the whole model; the head
on BERT, Devlin et al. 2019 (arXiv 1810.04805), section 5.3.
"""

from collections.abc import Mapping

import torch
from transformers import PreTrainedModel

from fedmedlora.training.adapter_slots import AdapterSlots
from fedmedlora.training.base_models import BaseModel
from fedmedlora.training.settings import Dtype
from fedmedlora.training.tagging_model import TaggingModel, num_readable, plain_tagger
from fedmedlora.training.tokenizers import HuggingFaceTokenizer


def load_whole_model(
    base: BaseModel,
    tokenizer: HuggingFaceTokenizer,
    types: tuple[str, ...],
    *,
    dtype: Dtype,
    mark_weight: float,
    seed: int,
) -> TaggingModel:
    """Return a base model all of whose weights are trained; the same seed gives the same bytes.

    Args:
        dtype: Of products; a step on narrow weights would often be too small to change them.

    Raises:
        ModelError: As `plain_tagger` has it.
    """
    plain, head = plain_tagger(base, types, dtype="float32", quantization="none", seed=seed)
    limit, slots = num_readable(plain), _slots(plain, head)
    return TaggingModel(plain, slots, tokenizer.pad_id, types, mark_weight, limit, dtype)


def _slots(plain: PreTrainedModel, head: str) -> AdapterSlots:
    """Return the weights that are trained, under their names in the model's own files."""
    trained = _behind_tags(plain)
    for name, parameter in plain.named_parameters():
        parameter.requires_grad_(name in trained)
    return AdapterSlots(trained, head=[name for name in trained if name.startswith(f"{head}.")])


def _behind_tags(plain: PreTrainedModel) -> Mapping[str, torch.nn.Parameter]:
    """Return the weights that tags depend on; one that is used in two places counts once."""
    named = dict(plain.named_parameters())
    ids = torch.tensor([[0, 1]], device=plain.device)
    logits = plain(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
    found = torch.autograd.grad(logits.sum(), list(named.values()), allow_unused=True)
    gradients = dict(zip(named, found, strict=True))
    return {name: parameter for name, parameter in named.items() if gradients[name] is not None}
