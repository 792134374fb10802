"""Keys and values of answers under way, of which a part may be taken back.

Each answer has a row, each position in it a column, so an id that was only a draft is written over
by the one that took its place; a token sees the columns up to its own, so what lies behind does no
harm. The tokens of a step come in one row without padding, whatever answers they belong to.

What all answers begin with is kept once. A token's products with it are one large product for many
answers, and one softmax runs over those and over the products with the token's own answer. Answers
are taken a few at a time, so that the products stay in the processor's caches.
"""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

_GROWTH = 64
_GROUP_TOKENS = 1024
"""Of the rows that a processor takes at a time, padded to the longest of them."""


class DraftedCache:
    """The layout of some tokens at the ends of answers."""

    def __init__(self, num_rows: int, device: torch.device) -> None:
        self._num_rows = num_rows
        self._device = device
        self._most = _GROUP_TOKENS if device.type == "cpu" else math.inf
        self._num_shared = 0
        self._room = 0
        self._shared: dict[int, tuple[Tensor, Tensor]] = {}
        self._layers: dict[int, tuple[Tensor, Tensor]] = {}

    def shared_by(self, num_rows: int, *, room: int) -> "DraftedCache":
        """Return a cache of many rows that all begin with this one's only row.

        Args:
            num_rows: The number of answers.
            room: Columns behind the beginning; more are made when they are needed.
        """
        cache = DraftedCache(num_rows, self._device)
        cache._num_shared, cache._room = self._num_columns, room
        cache._shared = {
            layer: (keys[:, 0, : self._num_columns], values[:, 0, : self._num_columns])
            for layer, (keys, values) in self._layers.items()
        }
        return cache

    def keep(self, rows: Sequence[int]) -> None:
        """Forget all rows but some, which are then numbered from 0 in this order."""
        self._num_rows = len(rows)
        self._layers = {
            layer: (keys[:, [*rows]], values[:, [*rows]])
            for layer, (keys, values) in self._layers.items()
        }

    def expect(self, firsts: Sequence[int], lengths: Sequence[int]) -> None:
        """Say what the next step's tokens are.

        Args:
            firsts: The position of the first token of each row.
            lengths: The number of tokens of each row.
        """
        self._groups = [
            _Group(rows, firsts[rows], lengths[rows], self._num_shared, self._device)
            for rows in _grouped(lengths, most=self._most)
            if any(lengths[rows])
        ]
        self._rows = torch.cat([group.rows for group in self._groups])
        self._columns = torch.cat([group.columns for group in self._groups])
        self._num_columns = max(group.num_columns for group in self._groups)
        self.positions = self._columns + self._num_shared
        """The position of each token, (tokens,)."""

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, scaling: float
    ) -> Tensor:
        """Return what each token takes from its answer up to itself, (1, heads, tokens, width)."""
        keys, values = self._written(layer, key[0], value[0])
        # Queries that share a key's head stand together: (heads of keys, queries a key, ...).
        asked = (query[0] * scaling).view(len(keys), -1, *query.shape[2:])
        by_group = asked.split_with_sizes([len(group.rows) for group in self._groups], dim=2)
        shared = self._shared.get(layer)
        seen = [
            group.attend(tokens, keys, values, shared)
            for group, tokens in zip(self._groups, by_group, strict=True)
        ]
        return torch.cat(seen, dim=2).flatten(0, 1)[None]

    def _written(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        stored = tuple(self._with_room(layer, which, new) for which, new in enumerate((key, value)))
        for old, new in zip(stored, (key, value), strict=True):
            old[:, self._rows, self._columns] = new
        self._layers[layer] = (stored[0], stored[1])
        return self._layers[layer]

    def _with_room(self, layer: int, which: int, new: Tensor) -> Tensor:
        """Return a layer's keys (0) or values (1), with at least as many columns as are needed."""
        heads, _, width = new.shape
        if layer not in self._layers:
            columns = max(self._num_columns, self._room)
            return new.new_zeros(heads, self._num_rows, columns, width)
        old = self._layers[layer][which]
        if (missing := self._num_columns - old.shape[2]) <= 0:
            return old
        more = old.new_zeros(heads, self._num_rows, missing + _GROWTH, width)
        return torch.cat([old, more], dim=2)


class _Group:
    """Rows that stand beside each other, and their tokens of a step.

    Attributes:
        rows: The row of each token, (tokens,).
        columns: Its column, (tokens,).
        num_columns: How many columns they see.
    """

    def __init__(
        self,
        rows: slice,
        firsts: Sequence[int],
        lengths: Sequence[int],
        num_shared: int,
        device: torch.device,
    ) -> None:
        length = torch.tensor(lengths, device=device)
        steps = torch.arange(max(lengths), device=device)
        is_own = steps < length[:, None]
        starts = length.cumsum(0) - length
        self._stored = rows
        self._shape = is_own.shape
        self._side_by_side = torch.where(is_own, starts[:, None] + steps, 0).flatten()
        self._own = is_own.flatten().nonzero()[:, 0]
        columns = torch.tensor(firsts, device=device)[:, None] + steps - num_shared
        self.rows = torch.arange(rows.start, rows.stop, device=device).repeat_interleave(length)
        self.columns = columns.flatten()[self._own]
        lasts = (first + own for first, own in zip(firsts, lengths, strict=True) if own)
        self.num_columns = max(lasts) - num_shared
        self._is_unseen = torch.arange(self.num_columns, device=device) > self.columns[:, None]

    def attend(
        self, asked: Tensor, keys: Tensor, values: Tensor, shared: tuple[Tensor, Tensor] | None
    ) -> Tensor:
        """Return what each token takes, in the shape of what it asks.

        Args:
            asked: (heads of keys, queries a key, tokens, width), scaled.
            keys: Of all rows, (heads of keys, rows, columns, width).
            values: In the same shape.
            shared: Keys and values that all rows begin with, (heads of keys, columns, width).
        """
        own_keys, own_values = (
            stored[:, self._stored, : self.num_columns] for stored in (keys, values)
        )
        products = self._by_row(asked, own_keys.mT).masked_fill_(self._is_unseen, -torch.inf)
        if shared is None:
            return self._by_row(_softmax(products), own_values)
        first_keys, first_values = shared
        weights = _softmax(torch.cat([_by_all(asked, first_keys.mT), products], dim=-1))
        first, own = weights.tensor_split([first_keys.shape[1]], dim=-1)
        return self._by_row(own, own_values).add_(_by_all(first, first_values))

    def _by_row(self, tokens: Tensor, stored: Tensor) -> Tensor:
        """Return the products of each token with what its own row stores.

        Args:
            tokens: (heads of keys, queries a key, tokens, n).
            stored: (heads of keys, rows, n, m).
        """
        heads, queries, _, width = tokens.shape
        rows, longest = self._shape
        padded = tokens[:, :, self._side_by_side].view(heads, queries, rows, longest, width)
        found = padded.transpose(1, 2).reshape(heads, rows, -1, width) @ stored
        by_query = found.view(heads, rows, queries, longest, -1).transpose(1, 2)
        return by_query.reshape(heads, queries, rows * longest, -1)[:, :, self._own]


def _grouped(lengths: Sequence[int], *, most: float) -> Iterator[slice]:
    """Yield the rows of each group, of so many tokens at most with padding."""
    first, longest = 0, 0
    for row, length in enumerate(lengths):
        longest = max(longest, length)
        if row > first and (row + 1 - first) * longest > most:
            yield slice(first, row)
            first, longest = row, length
    yield slice(first, len(lengths))


def _softmax(products: Tensor) -> Tensor:
    return products.float().softmax(dim=-1).to(products.dtype)


def _by_all(tokens: Tensor, stored: Tensor) -> Tensor:
    """Return the products of every token with what is stored once for all rows.

    Args:
        tokens: (heads of keys, queries a key, tokens, n).
        stored: (heads of keys, n, m).
    """
    return (tokens.flatten(1, 2) @ stored).view(*tokens.shape[:3], stored.shape[-1])
