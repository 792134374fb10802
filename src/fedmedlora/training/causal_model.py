"""Any Hugging Face decoder as a writer of marked-up notes: LoRA on its layers, no head of its own.

Two losses over an answer of n tokens, in nats, summed:

    full       -sum_j log p(a_j | all ids)
    choices    -sum_j log p(a_j | ids legal at j), nothing where only one is

The first is the papers'. The second asks only for what copy-or-tag decoding looks at: the model is
not taught to copy, which the grammar does for it. In training, targets that are marks count
`mark_weight` times, because most choices are to go on copying.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal, cast

import torch
from peft import PeftModel, TaskType
from peft.tuners.lora import LoraLayer
from transformers import AutoModelForCausalLM

from fedmedlora.errors import ModelError
from fedmedlora.tasks.answers import Anything, Step, WrittenExample, index_of, legal_ids
from fedmedlora.tasks.copy_or_tag import Ids
from fedmedlora.training.adapter_slots import AdapterSlots, lora_slots
from fedmedlora.training.base_config import num_positions
from fedmedlora.training.base_models import BaseModel
from fedmedlora.training.lora_model import Form, load_base, products, with_lora
from fedmedlora.training.settings import Dtype, LoraSettings, Quantization
from fedmedlora.training.shared_prefix import ATTENTION, Layout, SharedPrefix, SideBySide

AnswerLoss = Literal["choices", "full"]


@dataclass(frozen=True, slots=True)
class CausalModel:
    """A base model with LoRA that goes on with what it is given.

    Attributes:
        num_positions: The most tokens the base can read at once; None where it sets no limit.
        dtype: Of the frozen base and of products; the adapter is float32 always.
        loss: Which loss it is trained by and reports.
        mark_weight: How often a mark counts in training where a copied token counts once.
    """

    model: PeftModel
    slots: AdapterSlots
    num_positions: int | None
    dtype: Dtype
    loss: AnswerLoss
    mark_weight: float

    @property
    def vocabulary(self) -> torch.Tensor:
        """Return one row for each id: its logit is the product with a hidden state."""
        return cast("torch.Tensor", _output(self._decoder).weight)

    @property
    def _decoder(self) -> Any:  # noqa: ANN401 -- the class depends on the base
        return cast("Any", self.model).get_base_model()

    def hidden(
        self, input_ids: torch.Tensor, positions: torch.Tensor, layout: Layout
    ) -> torch.Tensor:
        """Return the last hidden state of each token of a row, (tokens, width).

        Args:
            input_ids: (tokens,).
            positions: (tokens,).
            layout: Which token sees which.
        """
        return self._read(input_ids[None], positions[None], layout)[0]

    def nats(self, examples: Sequence[WrittenExample]) -> torch.Tensor:
        """Return the summed loss of the examples' answers, in nats."""
        return torch.stack([nats.sum() for nats, _ in self._by_instruction(examples)]).sum()

    def objective(self, examples: Sequence[WrittenExample]) -> torch.Tensor:
        """Return what training makes small: the nats, those of marks counted more."""
        parts = [
            (nats * torch.where(is_mark, self.mark_weight, 1.0)).sum()
            for nats, is_mark in self._by_instruction(examples)
        ]
        return torch.stack(parts).sum()

    def row_objectives(self, examples: Sequence[WrittenExample]) -> torch.Tensor:
        """Return what training makes small of each example by itself, over its label tokens."""
        read = [(*one.instruction, *one.question, *one.completion[:-1]) for one in examples]
        longest = max(map(len, read))
        device = self.model.device
        # Nobody looks ahead, so nobody sees what stands behind a row.
        ids = torch.tensor([[*row, *[0] * (longest - len(row))] for row in read], device=device)
        positions = torch.arange(longest, device=device).expand_as(ids)
        hidden = self._read(ids, positions, SideBySide())
        objectives = []
        for row, example in zip(hidden, examples, strict=True):
            first = len(example.instruction) + len(example.question) - 1
            asked = [(first + i, example.completion[i], step) for i, step in self._asked(example)]
            nats, is_mark = self._nats_at(row, asked)
            weighted = nats * torch.where(is_mark, self.mark_weight, 1.0)
            objectives.append(weighted.sum() / max(example.num_label_tokens, 1))
        return torch.stack(objectives)

    def _read(self, ids: torch.Tensor, positions: torch.Tensor, layout: Layout) -> torch.Tensor:
        """Return the last hidden states of some rows, (rows, tokens, width)."""
        with products(self.model, self.dtype):
            out = self._decoder.base_model(
                input_ids=ids, position_ids=positions, use_cache=False, layout=layout
            )
        hidden: torch.Tensor = out.last_hidden_state
        return hidden

    def _by_instruction(
        self, examples: Sequence[WrittenExample]
    ) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Return for each instruction its answers' losses, and which are of marks."""
        alike = sorted(examples, key=lambda example: example.instruction)
        return [
            self._losses(list(group))
            for _, group in groupby(alike, key=lambda example: example.instruction)
        ]

    def _losses(self, examples: Sequence[WrittenExample]) -> tuple[torch.Tensor, torch.Tensor]:
        instruction = examples[0].instruction
        # Nothing follows the last id, so it need not be read.
        rows = [(*example.question, *example.completion[:-1]) for example in examples]
        device = self.model.device
        layout = SharedPrefix(len(instruction), [len(row) for row in rows], device)
        ids = torch.tensor([*instruction, *(id_ for row in rows for id_ in row)], device=device)
        first = len(instruction)
        asked: list[tuple[int, int, Step]] = []
        for example, row in zip(examples, rows, strict=True):
            before = first + len(example.question) - 1
            asked += [(before + i, example.completion[i], step) for i, step in self._asked(example)]
            first += len(row)
        return self._nats_at(self.hidden(ids, layout.positions, layout), asked)

    def _nats_at(
        self, hidden: torch.Tensor, asked: Sequence[tuple[int, int, Step]]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the losses at places of a row, and which are of marks.

        Args:
            hidden: (tokens, width).
            asked: Place, what should come behind it, and the step that this is.
        """
        device = hidden.device
        if not asked:
            # A window may be nothing but the token that every mark begins with.
            return hidden[:0, 0], torch.zeros(0, dtype=torch.bool, device=device)
        at_places = hidden[torch.tensor([place for place, _, _ in asked], device=device)]
        legal = None if self.loss == "full" else [step.legal for _, _, step in asked]
        nats = self._nats_of(at_places, [target for _, target, _ in asked], legal)
        is_mark = torch.tensor([step.is_mark for _, _, step in asked], device=device)
        return nats, is_mark

    def _asked(self, example: WrittenExample) -> list[tuple[int, Step]]:
        """Return the steps of an answer that the loss looks at, with their index."""
        return [
            (index, step)
            for index, step in enumerate(example.steps)
            if self.loss == "full" or len(step.legal) > 1
        ]

    def _nats_of(
        self, hidden: torch.Tensor, targets: Sequence[int], legal: Sequence[Ids | Anything] | None
    ) -> torch.Tensor:
        """Return -log p of each target among all ids, or among the legal ones."""
        ids = None if legal is None else legal_ids(legal)
        rows = self.vocabulary if ids is None else self.vocabulary[index_of(ids)]
        logits = (hidden.to(rows.dtype) @ rows.T).float()
        device = hidden.device
        wanted = torch.tensor(targets, device=device)
        if ids is not None and legal is not None:
            column = {id_: number for number, id_ in enumerate(ids)}
            is_legal = torch.zeros(logits.shape, dtype=torch.bool, device=device)
            for number, own in enumerate(legal):
                if isinstance(own, Anything):
                    is_legal[number, : len(own)] = True
            listed = [(number, own) for number, own in enumerate(legal) if isinstance(own, tuple)]
            numbers = [number for number, own in listed for _ in own]
            columns = [column[id_] for _, own in listed for id_ in own]
            places = torch.tensor([numbers, columns], dtype=torch.long, device=device)
            is_legal[places[0], places[1]] = True
            logits = logits.masked_fill(~is_legal, -torch.inf)
            wanted = torch.tensor([column[target] for target in targets], device=device)
        return torch.nn.functional.cross_entropy(logits, wanted, reduction="none")


def load_causal_model(
    base: BaseModel,
    *,
    lora: LoraSettings,
    dtype: Dtype,
    quantization: Quantization,
    loss: AnswerLoss,
    mark_weight: float,
    seed: int,
) -> CausalModel:
    """Return a base model ready to be trained; the same seed gives the same bytes.

    Raises:
        ModelError: The base is no decoder, lacks weights, or a target module is not in it.
    """
    torch.manual_seed(seed)
    form = Form(AutoModelForCausalLM, ability="go on with a text", attention=ATTENTION)
    plain = load_base(base, form, dtype=dtype, quantization=quantization)
    limit = num_positions(plain.config)
    if getattr(_output(plain), "bias", None) is not None:
        raise ModelError(
            f"model {base.name!r}: found logits with a bias, expected plain products; take another "
            'base or model.formulation = "tagging"'
        )
    model = with_lora(plain, base, lora, kind=TaskType.CAUSAL_LM)
    if isinstance(_output(plain), LoraLayer):
        raise ModelError(
            f"model.lora.target_modules: found the output layer of {base.name!r} among them, "
            'expected layers before it; take it out, or say "all-linear"'
        )
    return CausalModel(model, lora_slots(model), limit, dtype, loss, mark_weight)


def _output(plain: Any) -> torch.nn.Module:  # noqa: ANN401 -- the class depends on the base
    """Return the layer that makes logits of a base's last hidden state."""
    layer: torch.nn.Module = plain.get_output_embeddings()
    return layer
