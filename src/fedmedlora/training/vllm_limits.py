"""What vLLM asks of an adapter that it is to serve, as far as it can be told without vLLM.

    rank            at most --max-lora-rank, 16 unless set: 1, 8, 16, 32, 64, 128, 256, 320 or 512
    bias            "none"
    modules_to_save none: factors of linear layers alone, so no head
    DoRA            not served
    models          that write, and say that they support LoRA; each names the layers it takes

Whether a vLLM of some version serves a base at all it alone can say. Not run here.

Source, in github.com/vllm-project/vllm: ranks, `MaxLoRARanks` of vllm/config/lora.py, commit
01230b4; bias, modules_to_save, DoRA, `validate_legal` of vllm/lora/peft_helper.py, commit e745baf,
and pull request 25807, with which biases went; layers, `check_unexpected_modules` of
vllm/lora/lora_model.py, commit 0306474.
Models: docs.vllm.ai, "LoRA Adapters", 0.8.5. Layers of Llama, Qwen and Mistral:
`packed_modules_mapping` of vllm/model_executor/models/llama.py, and what is packed there.
"""

from collections.abc import Iterator, Mapping
from typing import Any

_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
_USUAL_RANK = 16
_LAYERS = frozenset({"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"})
_WRITES = "CAUSAL_LM"


def vllm_remarks(config: Mapping[str, Any]) -> list[str]:
    """Return what of an adapter goes beyond vLLM as it starts by itself, a sentence each.

    Args:
        config: What its adapter_config.json says.
    """
    return [*_remarks(config)]


def _remarks(config: Mapping[str, Any]) -> Iterator[str]:
    if config["task_type"] != _WRITES:
        yield "vLLM does not serve this adapter: it tags, and vLLM takes those of models that write"
        return
    rank = max([config["r"], *(config.get("rank_pattern") or {}).values()])
    if rank > _RANKS[-1]:
        yield f"vLLM does not serve this adapter: its rank is {rank}, and vLLM's limit {_RANKS[-1]}"
    elif rank > _USUAL_RANK:
        enough = next(one for one in _RANKS if one >= rank)
        yield f"vLLM serves this adapter with --max-lora-rank {enough}: its rank is {rank}"
    if config.get("bias", "none") != "none":
        yield f"vLLM does not serve this adapter: it has biases ({config['bias']})"
    if config.get("modules_to_save"):
        named = ", ".join(sorted(config["modules_to_save"]))
        yield f"vLLM does not serve this adapter: it brings whole layers ({named})"
    if config.get("use_dora"):
        yield "vLLM does not serve this adapter: it is a DoRA"
    # Peft names a layer by its path where its last part alone would say too little.
    layers = {name.rpartition(".")[2] for name in config["target_modules"]}
    if odd := sorted(layers - _LAYERS):
        yield (
            f"vLLM may not serve this adapter: it changes {', '.join(odd)}, which is none of the "
            "layers that vLLM takes in Llama, Qwen and Mistral"
        )
