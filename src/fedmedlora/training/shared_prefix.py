"""One instruction and many examples in one row, so that the instruction is read once.

    row        instruction | example 1 | example 2 | ...
    position   0 ... P - 1 | P ...     | P ...     | ...
    sees       itself      | the instruction and itself, never another example

Linear layers run over the row, in which nothing is padding; attention alone sets the examples side
by side. The products are those of separate sequences, so the gradients are, too.

A layout is handed to the model with every call, and transformers hands it on to the attention of
every layer. What lays tokens out otherwise (a cache, say) brings another layout.

Source: attention functions of one's own, transformers, docs/source/en/attention_interface.md.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from transformers import AttentionInterface

from fedmedlora.errors import ModelError

ATTENTION = "fedmedlora"
"""The name under which transformers finds `_attend`."""

_NOT_PLAIN = ("softcap", "s_aux")
"""What some layers ask of attention that no layout gives: Gemma 2, gpt-oss."""


class Layout(Protocol):
    """Says which token of a row sees which."""

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, scaling: float
    ) -> Tensor:
        """Return what each token takes from those it sees, (rows, heads, tokens, width).

        Args:
            layer: Number of the layer, from 0.
            query: (rows, heads, tokens, width), of one row where a layout has only that.
            key: (rows, fewer or as many heads, tokens, width).
            value: Shaped like `key`.
            scaling: Factor of every product of a query and a key.
        """
        ...


class SharedPrefix:
    """The layout of examples that begin with one instruction."""

    def __init__(self, num_shared: int, lengths: Sequence[int], device: torch.device) -> None:
        self._num_shared = num_shared
        longest = max(lengths)
        starts = torch.tensor([num_shared, *lengths[:-1]], device=device).cumsum(0)
        steps = torch.arange(longest, device=device)
        self._is_own = steps < torch.tensor(lengths, device=device)[:, None]
        # Padding points at the row's last token; nobody sees it, and what it sees is dropped.
        last = num_shared + sum(lengths) - 1
        self._rows = torch.where(self._is_own, starts[:, None] + steps, last)
        shared = torch.ones(longest, num_shared, dtype=torch.bool, device=device)
        own = torch.ones(longest, longest, dtype=torch.bool, device=device).tril()
        self._mask = torch.cat([shared, own], dim=1)
        self.positions = torch.cat(
            [
                torch.arange(num_shared, device=device),
                (num_shared + steps).expand_as(self._rows)[self._is_own],
            ]
        )
        """The position of each token of the row, (tokens,)."""

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, scaling: float
    ) -> Tensor:
        """Return what each token takes from the instruction and from its own example."""
        del layer
        shared = slice(0, self._num_shared)
        before = _attention(
            query[:, :, shared], key[:, :, shared], value[:, :, shared], scaling, is_causal=True
        )
        own = _attention(
            self._side_by_side(query),
            self._behind_instruction(key),
            self._behind_instruction(value),
            scaling,
            mask=self._mask,
        )
        return torch.cat([before, own.transpose(0, 1)[:, self._is_own][None]], dim=2)

    def _side_by_side(self, row: Tensor) -> Tensor:
        """Return (examples, heads, longest, width) of (1, heads, tokens, width)."""
        return row[0][:, self._rows].transpose(0, 1)

    def _behind_instruction(self, row: Tensor) -> Tensor:
        shared = row[:, :, : self._num_shared].expand(len(self._rows), -1, -1, -1)
        return torch.cat([shared, self._side_by_side(row)], dim=2)


class SideBySide:
    """The layout of rows that share nothing, each from its first token on, padding behind."""

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, scaling: float
    ) -> Tensor:
        """Return what each token takes from those before it in its row."""
        del layer
        return _attention(query, key, value, scaling, is_causal=True)


def _attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    scaling: float,
    *,
    mask: Tensor | None = None,
    is_causal: bool = False,
) -> Tensor:
    return torch.nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, is_causal=is_causal, scale=scaling, enable_gqa=True
    )


def _attend(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float,
    layout: Layout,
    **asked: object,
) -> tuple[Tensor, None]:
    del attention_mask
    if any(asked.get(name) is not None for name in _NOT_PLAIN):
        raise ModelError(
            f"{type(module).__name__}: found attention with a soft cap or sinks, expected plain "
            'attention; take another base or model.formulation = "tagging"'
        )
    seen = layout.attend(int(module.layer_idx), query, key, value, scaling)  # type: ignore[arg-type]
    return seen.transpose(1, 2).contiguous(), None


AttentionInterface.register(ATTENTION, _attend)
