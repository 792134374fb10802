"""First weights that can copy: what most of a small model's training would go into finding.

Copying takes two layers that are of no use one without the other, so random weights find them late.
Here they are laid down, roughly, and training does the rest:

    layer 0   looks one token back and writes what stood there into the stream's second half
    layer 1   looks for a place whose former token is the present one, and says what stands there

Looking back by one needs something that is the same everywhere: dimension 0 of every embedding.
A query (1, 0) and a key (cos f, sin f) in each pair of dimensions, which position p turns by p f,
have the product cos(f (distance - 1)), largest one token back. Looking for a token uses only pairs
that turn too slowly to matter within a window. Embeddings of tokens that are used alike point in
like directions from the start.

Source: induction heads, Olsson et al. 2022, In-context Learning and Induction Heads (arXiv
2209.11895); rotary positions, RoFormer (arXiv 2104.09864), section 3.2; first weights that imitate
trained ones, Trockman and Kolter (arXiv 2305.09828).
"""

from typing import Any

import torch
from transformers import LlamaForCausalLM

_CONSTANT, _LENGTH = 0.48, 0.96
"""Dimension 0 of every embedding, and the length of the rest of its first half.

Logits are made with embeddings, too: a third as long, a copied token would be likeliest and yet
have a thirtieth of the probability, and training would wipe copying out.
"""
_QUIET = 0.1
"""What random layers add would drown what is laid down."""
_BACK_GAIN, _MATCH_GAIN = 1.0, 2.0
_CARRIED, _SAID = 0.06, 0.36
_LIKENESS = 0.8
"""How much of an embedding is what its token has in common with those used alike."""
_FAST, _SLOW = 0.1, 2e-3
"""Pairs that turn faster, in radians a token, tell neighbours apart; slower ones tell nothing."""


def lay_down_copying(model: LlamaForCausalLM, usage: torch.Tensor | None, *, seed: int) -> None:
    """Change an untrained model's embeddings and first two attention layers, in place.

    Args:
        model: Of two layers at least, and with as many keys as queries.
        usage: A row of length 1 for each token, near to those of tokens used alike, of half the
            model's width less 1; None where nothing is known of them.
        seed: Of the embeddings, and of what layer 1 compares.
    """
    rng = torch.Generator().manual_seed(seed)
    half = model.config.hidden_size // 2
    turns = model.model.rotary_emb.inv_freq
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight *= _QUIET
            layer.mlp.down_proj.weight *= _QUIET
        first, second = (layer.self_attn for layer in model.model.layers[:2])
        _embed(model.model.embed_tokens.weight, half, usage, rng)
        _look_back(first, turns)
        _carry(first, half, to=half, gain=_CARRIED)
        _look_for_present(second, turns, half, rng)
        _carry(second, half, to=0, gain=_SAID)


def laid_down_parameters(model: LlamaForCausalLM) -> list[torch.nn.Parameter]:
    """Return the parameters that `lay_down_copying` sets."""
    layers = model.model.layers[:2]
    attentions = [parameter for layer in layers for parameter in layer.self_attn.parameters()]
    return [model.model.embed_tokens.weight, *attentions]


def _embed(
    embeddings: torch.Tensor, half: int, usage: torch.Tensor | None, rng: torch.Generator
) -> None:
    # All of one length: dimension 0 is then the same everywhere behind the norm, too.
    own = torch.randn(len(embeddings), half - 1, generator=rng)
    directions = torch.nn.functional.normalize(own)
    if usage is not None:
        directions = _LIKENESS * usage + (1 - _LIKENESS**2) ** 0.5 * directions
    embeddings[:, 0] = _CONSTANT
    embeddings[:, 1:half] = _LENGTH * torch.nn.functional.normalize(directions)
    embeddings[:, half:] *= _QUIET


def _look_back(attention: Any, turns: torch.Tensor) -> None:  # noqa: ANN401 -- as transformers has it
    """Make all heads of a layer attend to the token before."""
    query, key = attention.q_proj.weight, attention.k_proj.weight
    gains = _BACK_GAIN * (turns > _FAST)
    for pairs, partners in _heads(attention):
        query[pairs, 0], query[partners, 0] = gains, 0.0
        key[pairs, 0], key[partners, 0] = gains * turns.cos(), gains * turns.sin()


def _look_for_present(
    attention: Any,  # noqa: ANN401 -- as transformers has it
    turns: torch.Tensor,
    half: int,
    rng: torch.Generator,
) -> None:
    """Make all heads of a layer attend to where the former token is the present one."""
    query, key = attention.q_proj.weight, attention.k_proj.weight
    slow = torch.nonzero(turns < _SLOW).flatten()
    for pairs, partners in _heads(attention):
        rows = torch.cat([pairs[slow], partners[slow]])
        compared = torch.randn(len(rows), half - 1, generator=rng)
        query[rows, 1:half] = key[rows, half + 1 :] = compared * _MATCH_GAIN / (half - 1) ** 0.5


def _carry(attention: Any, half: int, *, to: int, gain: float) -> None:  # noqa: ANN401 -- as above
    """Make a layer's heads add what they attend to, each a slice of the first half, to the stream.

    Args:
        attention: The layer.
        half: Half the width; dimension 0 is not carried.
        to: Where in the stream the copy of dimension 0 would stand.
        gain: Factor of the copy.
    """
    heads = _heads(attention)
    slice_ = half // len(heads)
    for dimension in range(1, half):
        row = int(heads[dimension // slice_][0][0]) + dimension % slice_
        attention.v_proj.weight[row] = 0.0
        attention.v_proj.weight[row, dimension] = 1.0
        attention.o_proj.weight[:, row] = 0.0
        attention.o_proj.weight[to + dimension, row] = gain


def _heads(attention: Any) -> list[tuple[torch.Tensor, torch.Tensor]]:  # noqa: ANN401 -- as above
    """Return for each head the rows of its pairs of dimensions: the first of each, the second."""
    rows = torch.arange(len(attention.q_proj.weight)).view(-1, 2, attention.head_dim // 2)
    return [(pairs, partners) for pairs, partners in rows]
