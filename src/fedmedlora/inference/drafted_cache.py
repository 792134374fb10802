"""Keys and values of answers under way, of which a part may be taken back.

Each answer has a row, each position in it a column, so an id that was only a draft is written over
by the one that took its place; a token sees the columns up to its own, so what lies behind does no
harm. The tokens of a step come in one row without padding, whatever answers they belong to.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

_GROWTH = 64


class DraftedCache:
    """The layout of some tokens at the ends of answers."""

    def __init__(self, num_rows: int, device: torch.device) -> None:
        self._num_rows = num_rows
        self._device = device
        self._layers: dict[int, tuple[Tensor, Tensor]] = {}

    def shared_by(self, num_rows: int, *, room: int) -> "DraftedCache":
        """Return a cache of many rows that all begin with this one's only row.

        Args:
            num_rows: The number of answers.
            room: Columns behind the beginning; more are made when they are needed.
        """
        cache = DraftedCache(num_rows, self._device)
        cache._layers = {
            layer: (_widened(keys, num_rows, room), _widened(values, num_rows, room))
            for layer, (keys, values) in self._layers.items()
        }
        return cache

    def keep(self, rows: Sequence[int]) -> None:
        """Forget all rows but some, which are then numbered from 0 in this order."""
        self._num_rows = len(rows)
        self._layers = {
            layer: (keys[[*rows]], values[[*rows]])
            for layer, (keys, values) in self._layers.items()
        }

    def expect(self, firsts: Sequence[int], lengths: Sequence[int]) -> None:
        """Say what the next step's tokens are.

        Args:
            firsts: The position of the first token of each row.
            lengths: The number of tokens of each row.
        """
        device = self._device
        length = torch.tensor(lengths, device=device)
        steps = torch.arange(max(lengths), device=device)
        self._is_own = steps < length[:, None]
        places = torch.tensor(firsts, device=device)[:, None] + steps
        starts = length.cumsum(0) - length
        self._side_by_side = torch.where(self._is_own, starts[:, None] + steps, 0)
        self._rows = torch.arange(len(lengths), device=device).repeat_interleave(length)
        self.positions = places[self._is_own]
        """The position of each token, (tokens,)."""
        self._num_columns = int(self.positions.max()) + 1
        self._mask = (torch.arange(self._num_columns, device=device) <= places[..., None])[:, None]

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, scaling: float
    ) -> Tensor:
        """Return what each token takes from its answer up to itself, (1, heads, tokens, width)."""
        keys, values = self._written(layer, key[0], value[0])
        seen = torch.nn.functional.scaled_dot_product_attention(
            query[0][:, self._side_by_side].transpose(0, 1),
            keys[:, :, : self._num_columns],
            values[:, :, : self._num_columns],
            attn_mask=self._mask,
            scale=scaling,
            enable_gqa=True,
        )
        return seen.transpose(0, 1)[:, self._is_own][None]

    def _written(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        stored = tuple(self._with_room(layer, which, new) for which, new in enumerate((key, value)))
        for old, new in zip(stored, (key, value), strict=True):
            old[self._rows, :, self.positions] = new.transpose(0, 1)
        self._layers[layer] = (stored[0], stored[1])
        return self._layers[layer]

    def _with_room(self, layer: int, which: int, new: Tensor) -> Tensor:
        """Return a layer's keys (0) or values (1), with at least as many columns as are needed."""
        old = self._layers[layer][which] if layer in self._layers else None
        if old is not None and old.shape[2] >= self._num_columns:
            return old
        if old is None:
            return new.new_zeros(self._num_rows, new.shape[0], self._num_columns, new.shape[2])
        return _widened(old, self._num_rows, self._num_columns - old.shape[2] + _GROWTH)


def _widened(stored: Tensor, num_rows: int, room: int) -> Tensor:
    """Return a copy of (rows or 1, heads, columns, width) with more rows and columns."""
    _, heads, columns, width = stored.shape
    wide = stored.new_zeros(num_rows, heads, columns + room, width)
    wide[:, :, :columns] = stored
    return wide
