import re
from typing import Any

import pytest

from fedmedlora.training.vllm_limits import vllm_remarks

SERVED: dict[str, Any] = {
    "task_type": "CAUSAL_LM",
    "r": 16,
    "bias": "none",
    "modules_to_save": None,
    "use_dora": False,
    "rank_pattern": {},
    "target_modules": ["q_proj", "v_proj"],
}


def test_of_an_adapter_that_vllm_serves_as_it_starts_nothing_is_said() -> None:
    assert vllm_remarks(SERVED) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"task_type": "TOKEN_CLS", "modules_to_save": ["classifier"]},
            "it tags, and vLLM",
        ),
        ({"r": 17}, "with --max-lora-rank 32: its rank is 17"),
        ({"r": 257}, "with --max-lora-rank 320: its rank is 257"),
        ({"r": 512}, "with --max-lora-rank 512: its rank is 512"),
        ({"r": 513}, "its rank is 513, and vLLM's limit 512"),
        ({"rank_pattern": {"q_proj": 48}}, "with --max-lora-rank 64: its rank is 48"),
        ({"bias": "all"}, r"it has biases \(all\)"),
        ({"modules_to_save": ["lm_head"]}, r"whole layers \(lm_head\)"),
        ({"use_dora": True}, "it is a DoRA"),
        ({"target_modules": ["q_proj", "c_attn"]}, "changes c_attn, which is none of the layers"),
    ],
)
def test_what_goes_beyond_it_is_said_in_one_sentence(change: dict[str, Any], told: str) -> None:
    (said,) = vllm_remarks({**SERVED, **change})

    assert said.startswith("vLLM ")
    assert re.search(told, said)


def test_a_layer_may_be_named_by_its_path() -> None:
    assert vllm_remarks({**SERVED, "target_modules": ["model.layers.0.self_attn.q_proj"]}) == []


def test_each_limit_is_told_by_itself() -> None:
    both = {"bias": "all", "use_dora": True}

    assert len(vllm_remarks({**SERVED, **both})) == 2
