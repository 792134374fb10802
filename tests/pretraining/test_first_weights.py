from dataclasses import replace

import pytest
import torch
from tests.pretraining.shapes import SMALL
from transformers import LlamaForCausalLM

from fedmedlora.pretraining.recipe import Recipe
from fedmedlora.pretraining.training import untrained


@pytest.fixture(scope="module")
def model() -> LlamaForCausalLM:
    return untrained(replace(Recipe(), vocabulary=600))


def test_an_untrained_model_copies_random_tokens(model: LlamaForCausalLM) -> None:
    """A thousand tokens never seen, each once, and then again: what follows is known."""
    rng = torch.Generator().manual_seed(0)
    once = 3 + torch.randperm(500, generator=rng)[:200]
    ids = torch.cat([torch.tensor([1]), once, once])

    with torch.inference_mode():
        likeliest = model(ids[None]).logits[0].argmax(dim=-1)

    right = (likeliest[201:-1] == once[1:]).float().mean()
    assert float(right) > 0.9


def test_its_first_layer_looks_one_token_back(model: LlamaForCausalLM) -> None:
    ids = torch.randint(3, 600, (1, 40), generator=torch.Generator().manual_seed(1))
    model.set_attn_implementation("eager")

    with torch.inference_mode():
        first = model(ids, output_attentions=True).attentions[0][0]

    back = first.diagonal(offset=-1, dim1=1, dim2=2)
    assert float(back[:, 1:].min()) > 0.93


def test_tokens_used_alike_begin_with_embeddings_alike() -> None:
    """0.8 of the one row for both, and 0.6 of their own: 0.64 in common."""
    rows = torch.zeros(600, 127)
    rows[:, 0], rows[:2, 0], rows[:2, 1] = 1.0, 0.0, 1.0
    model = untrained(replace(Recipe(), vocabulary=600), rows)
    embeddings = model.model.embed_tokens.weight.detach()
    directions = torch.nn.functional.normalize(embeddings[:, 1:128])

    assert float(directions[0] @ directions[1]) == pytest.approx(0.64, abs=0.15)
    assert float(directions[0] @ directions[2]) == pytest.approx(0, abs=0.3)


def test_the_same_seed_gives_the_same_weights() -> None:
    one, same = untrained(SMALL).state_dict(), untrained(SMALL).state_dict()
    other = untrained(replace(SMALL, seed=1)).state_dict()

    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["model.embed_tokens.weight"], other["model.embed_tokens.weight"])
