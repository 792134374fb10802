"""A Hugging Face encoder or decoder as a tagger, with one head of channels; LoRA on its layers.

A decoder looks both ways here, or is refused: what a word is often shows behind it.

Source: Li et al., Label Supervised LLaMA Finetuning (arXiv 2310.01208); Dukic and
Snajder, Looking Right is Sometimes Right (arXiv 2401.14556).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from peft import PeftModel, TaskType
from transformers import AutoModelForTokenClassification, PreTrainedModel

from fedmedlora.errors import ModelError
from fedmedlora.tasks.batches import padded
from fedmedlora.tasks.tagging import IGNORED, NUM_TAGS, OUTSIDE, TaggingExample
from fedmedlora.training.adapter_slots import AdapterSlots, lora_slots
from fedmedlora.training.base_config import looks_back_only, num_positions, read_config
from fedmedlora.training.base_models import BaseModel
from fedmedlora.training.lora_model import Form, load_base, products, with_lora
from fedmedlora.training.settings import Dtype, LoraSettings, Quantization
from fedmedlora.training.tokenizers import HuggingFaceTokenizer

_HEADS = ("classifier", "score")
_OUTSIDE_BIAS = 4.0
"""Logit of O in a fresh head: most words are outside, and a head that starts there does not
spend its first rounds on learning it.

Source: the prior initialisation of RetinaNet, arXiv 1708.02002, section 3.3.
"""


@dataclass(frozen=True, slots=True)
class TaggingModel:
    """A base model with a tagging head, of which an adapter or every weight is trained.

    Attributes:
        types: The head's channels.
        mark_weight: How often a B or an I counts in training where an O counts once.
        num_positions: The most tokens the base can read at once; None where it sets no limit.
        dtype: Of products, and of the base where it is frozen; what is trained is float32 always.
    """

    model: PeftModel | PreTrainedModel
    slots: AdapterSlots
    pad_id: int
    types: tuple[str, ...]
    mark_weight: float
    num_positions: int | None
    dtype: Dtype

    def logits(self, input_ids: torch.Tensor, attention: torch.Tensor) -> torch.Tensor:
        """Return (batch, length, channels, tags), as float32."""
        with products(self.model, self.dtype):
            flat: torch.Tensor = self.model(input_ids=input_ids, attention_mask=attention).logits
        return flat.float().view(*flat.shape[:2], len(self.types), NUM_TAGS)

    def nats(self, examples: Sequence[TaggingExample]) -> torch.Tensor:
        """Return the summed negative log likelihood of the examples' tags, in nats."""
        return self._losses(examples)[0].sum()

    def objective(self, examples: Sequence[TaggingExample]) -> torch.Tensor:
        """Return what training makes small: the nats, those of B and I counted more."""
        nats, is_mark = self._losses(examples)
        return (nats * torch.where(is_mark, self.mark_weight, 1.0)).sum()

    def row_objectives(self, examples: Sequence[TaggingExample]) -> torch.Tensor:
        """Return what training makes small of each example by itself, over its label tokens."""
        nats, is_mark = self._losses(examples)
        weighted = nats * torch.where(is_mark, self.mark_weight, 1.0)
        tokens = [max(example.num_label_tokens, 1) for example in examples]
        return weighted.view(len(examples), -1).sum(1) / weighted.new_tensor(tokens)

    def _losses(self, examples: Sequence[TaggingExample]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the loss of each tag, 0 where none is asked for, and which are B or I."""
        batch, device = padded(examples, pad_id=self.pad_id), self.model.device
        logits = self.logits(
            torch.from_numpy(batch.input_ids).to(device),
            torch.from_numpy(batch.attention).to(device),
        )
        targets = torch.from_numpy(batch.targets).to(device).flatten()
        nats = torch.nn.functional.cross_entropy(
            logits.flatten(0, 2), targets, ignore_index=IGNORED, reduction="none"
        )
        return nats, targets > OUTSIDE


def load_tagging_model(
    base: BaseModel,
    tokenizer: HuggingFaceTokenizer,
    types: tuple[str, ...],
    *,
    lora: LoraSettings,
    dtype: Dtype,
    quantization: Quantization,
    mark_weight: float,
    seed: int,
) -> TaggingModel:
    """Return a base model with LoRA to be trained; the same seed gives the same bytes.

    Raises:
        ModelError: As `plain_tagger` has it, or a target module is not in the base.
    """
    plain, head = plain_tagger(base, types, dtype=dtype, quantization=quantization, seed=seed)
    limit = num_readable(plain)
    model = with_lora(plain, base, lora, kind=TaskType.TOKEN_CLS, exclude=(head,))
    slots = lora_slots(model)
    return TaggingModel(model, slots, tokenizer.pad_id, types, mark_weight, limit, dtype)


def plain_tagger(
    base: BaseModel,
    types: tuple[str, ...],
    *,
    dtype: Dtype,
    quantization: Quantization,
    seed: int,
) -> tuple[PreTrainedModel, str]:
    """Return a base with a fresh head and that head's name; the same seed gives the same bytes.

    Raises:
        ModelError: The base has no token classification form, lacks weights, or cannot look both
            ways.
    """
    torch.manual_seed(seed)
    both_ways = (("is_causal", False),) if looks_back_only(read_config(base)) else ()
    form = Form(
        AutoModelForTokenClassification,
        ability="tag tokens",
        attention=_attention(),
        fresh=_HEADS,
        settings=(("num_labels", len(types) * NUM_TAGS), ("use_cache", False), *both_ways),
    )
    plain = load_base(base, form, dtype=dtype, quantization=quantization)
    if both_ways and not all(_sees_behind(plain, padded=padded) for padded in (False, True)):
        raise ModelError(
            f"model {base.name!r}: found {type(plain).__name__}, whose tokens do not see what "
            "stands behind them, expected attention that can look both ways; take another base"
        )
    head = next(name for name in _HEADS if hasattr(plain, name))
    # It is trained whole, so it is float32 like the adapter.
    getattr(plain, head).float()
    with torch.no_grad():
        getattr(plain, head).bias.view(len(types), NUM_TAGS)[:, 0] = _OUTSIDE_BIAS
    return plain, head


def num_readable(model: PreTrainedModel) -> int | None:
    """Return the most tokens a loaded base can read at once; None where it sets no limit."""
    limit = num_positions(model.config)
    for name, module in model.named_modules():
        if limit is not None and name.endswith(".position_embeddings"):
            # RoBERTa and its kin number positions from behind the padding index.
            first = getattr(module, "padding_idx", None)
            limit -= 0 if first is None else first + 1
    return limit


def _sees_behind(plain: PreTrainedModel, *, padded: bool) -> bool:
    """Return whether a first token notices a second, in a text with padding or without."""
    ids = torch.tensor([[0, 0, 0], [0, 1, 0]], device=plain.device)
    attention = torch.ones_like(ids)
    attention[:, 2] -= int(padded)
    try:
        with torch.inference_mode():
            first, other = plain(input_ids=ids, attention_mask=attention).logits[:, 0]
    except (AttributeError, TypeError):
        # Some architectures take for granted that there is a mask that looks back.
        return False
    return not torch.equal(first, other)


def _attention() -> str:
    # Fused attention on a CPU takes longer than the plain one on sentences, ten times in bfloat16.
    return "sdpa" if torch.cuda.is_available() else "eager"
