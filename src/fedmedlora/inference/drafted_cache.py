"""Keys and values of answers under way, of which a part may be taken back.

Each answer has a row, each position in it a column, so an id that was only a draft is written over
by the one that took its place; a token sees the columns up to its own, so what lies behind does no
harm. The tokens of a step come in one row without padding, whatever answers they belong to.

What all answers begin with is kept once. A token's products with it are one large product for all
answers, and one softmax runs over those and over the products with the token's own answer.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

_GROWTH = 64


class DraftedCache:
    """The layout of some tokens at the ends of answers.

    Attributes:
        num_rows: The number of answers.
        num_columns: Columns in use.
        layers: Keys and values of each layer, (heads of keys, rows, columns, width) both.
    """

    def __init__(self, num_rows: int, device: torch.device) -> None:
        self.num_rows = num_rows
        self._device = device
        self._num_shared = 0
        self.num_columns = 0
        self._shared: dict[int, tuple[Tensor, Tensor]] = {}
        self.layers: dict[int, tuple[Tensor, ...]] = {}

    def shared_by(self, num_rows: int) -> "DraftedCache":
        """Return a cache of many rows that all begin with this one's only row."""
        cache = DraftedCache(num_rows, self._device)
        cache._num_shared = self.num_columns
        cache._shared = {
            layer: (keys[:, 0, : self.num_columns], values[:, 0, : self.num_columns])
            for layer, (keys, values) in self.layers.items()
        }
        return cache

    def keep(self, rows: Sequence[int]) -> None:
        """Forget all rows but some, which are then numbered from 0 in this order."""
        self.num_rows = len(rows)
        self.layers = {
            layer: (keys[:, [*rows], : self.num_columns], values[:, [*rows], : self.num_columns])
            for layer, (keys, values) in self.layers.items()
        }

    def append(self, other: "DraftedCache") -> None:
        """Take over the rows of a cache that begins with the same, behind one's own."""
        self.num_rows += other.num_rows
        self.num_columns = max(self.num_columns, other.num_columns)
        for layer, pair in other.layers.items():
            own = self.layers.get(layer, ())
            self.layers[layer] = tuple(map(_stacked, own, pair)) if own else pair

    def expect(self, firsts: Sequence[int], lengths: Sequence[int]) -> None:
        """Say what the next step's tokens are.

        Args:
            firsts: The position of the first token of each row.
            lengths: The number of tokens of each row.
        """
        device = self._device
        length = torch.tensor(lengths, device=device)
        steps = torch.arange(max(lengths), device=device)
        is_own = steps < length[:, None]
        places = torch.tensor(firsts, device=device)[:, None] + steps
        starts = length.cumsum(0) - length
        self._side_by_side = torch.where(is_own, starts[:, None] + steps, 0).flatten()
        self._own = is_own.flatten().nonzero()[:, 0]
        self._rows = torch.arange(len(lengths), device=device).repeat_interleave(length)
        self.positions = places.flatten()[self._own]
        """The position of each token, (tokens,)."""
        self._columns = self.positions - self._num_shared
        self.num_columns = int(self._columns.max()) + 1
        columns = torch.arange(self.num_columns, device=device)
        self._is_unseen = columns > places[:, :, None] - self._num_shared

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, scaling: float
    ) -> Tensor:
        """Return what each token takes from its answer up to itself, (1, heads, tokens, width)."""
        keys, values = (
            stored[:, :, : self.num_columns] for stored in self._written(layer, key[0], value[0])
        )
        asked = self._by_row(query[0] * scaling, len(keys))
        products = asked @ keys.mT
        shape = (len(keys), self.num_rows, -1, *self._is_unseen.shape[1:])
        products.view(shape).masked_fill_(self._is_unseen[:, None], -torch.inf)
        if layer not in self._shared:
            weights = products.float().softmax(dim=-1).to(query.dtype)
            return self._by_token(weights @ values)
        first_keys, first_values = self._shared[layer]
        both = torch.cat([_by_all(asked, first_keys.mT), products], dim=-1)
        weights = both.float().softmax(dim=-1).to(query.dtype)
        first, own = weights.tensor_split([self._num_shared], dim=-1)
        return self._by_token(_by_all(first, first_values) + own @ values)

    def _by_row(self, tokens: Tensor, num_heads: int) -> Tensor:
        """Return tokens side by side, (heads of keys, rows, queries a key * longest, width).

        Args:
            tokens: (heads, tokens, width); heads that share a key's stand together.
            num_heads: Heads of keys.
        """
        longest, width = self._is_unseen.shape[1], tokens.shape[-1]
        padded = tokens[:, self._side_by_side].view(num_heads, -1, self.num_rows, longest, width)
        return padded.transpose(1, 2).reshape(num_heads, self.num_rows, -1, width)

    def _by_token(self, padded: Tensor) -> Tensor:
        """Return tokens in one row, (1, heads, tokens, width), of what `_by_row` makes."""
        num_heads, num_rows, _, width = padded.shape
        longest = self._is_unseen.shape[1]
        by_head = padded.view(num_heads, num_rows, -1, longest, width).transpose(1, 2)
        return by_head.reshape(-1, num_rows * longest, width)[:, self._own][None]

    def _written(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, ...]:
        stored = tuple(self._with_room(layer, which, new) for which, new in enumerate((key, value)))
        for old, new in zip(stored, (key, value), strict=True):
            old[:, self._rows, self._columns] = new
        self.layers[layer] = stored
        return self.layers[layer]

    def _with_room(self, layer: int, which: int, new: Tensor) -> Tensor:
        """Return a layer's keys (0) or values (1), with at least as many columns as are needed."""
        heads, _, width = new.shape
        if layer not in self.layers:
            return new.new_zeros(heads, self.num_rows, self.num_columns + _GROWTH, width)
        old = self.layers[layer][which]
        missing = self.num_columns - old.shape[2]
        return old if missing <= 0 else _widened(old, old.shape[2] + missing + _GROWTH)


def _by_all(tokens: Tensor, stored: Tensor) -> Tensor:
    """Return the products of every token with what is stored once for all rows.

    Args:
        tokens: (heads of keys, rows, tokens, n).
        stored: (heads of keys, n, m).
    """
    return (tokens.flatten(1, 2) @ stored).view(*tokens.shape[:3], stored.shape[-1])


def _stacked(first: Tensor, second: Tensor) -> Tensor:
    """Return the rows of both, (heads, rows, columns, width), with the columns of the wider."""
    columns = max(first.shape[2], second.shape[2])
    return torch.cat([_widened(first, columns), _widened(second, columns)], dim=1)


def _widened(stored: Tensor, columns: int) -> Tensor:
    return pad(stored, (0, 0, 0, columns - stored.shape[2]))
