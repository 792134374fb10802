"""An adapter as a folder that plain peft loads, and the few facts that peft has no place for.

adapter_config.json           peft's own
adapter_model.safetensors     peft's own
fedmedlora.json               base, its digest, formulation, types: what extraction needs
README.md                     its model card
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from peft import PeftConfig

from fedmedlora.adapters.files import encode, encode_narrow, open_adapter
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.errors import Fault, InputError, ModelError
from fedmedlora.training.exported_folder import exported_folder
from fedmedlora.training.settings import Dtype

_CONFIG = "adapter_config.json"
_WEIGHTS = "adapter_model.safetensors"
_FACTS = "fedmedlora.json"
_ENCODERS: dict[Dtype, Callable[[AdapterWeights], bytes]] = {
    "float32": encode,
    "bfloat16": encode_narrow,
}


def is_peft_folder(folder: Path) -> bool:
    """Return whether a folder holds an adapter in peft's format."""
    return (folder / _CONFIG).is_file() and (folder / _WEIGHTS).is_file()


def write_peft_folder(
    folder: Path,
    adapter: AdapterWeights,
    config: PeftConfig,
    facts: Mapping[str, Any],
    *,
    card: str,
    dtype: Dtype = "float32",
) -> None:
    """Write an adapter folder.

    Args:
        folder: New or empty.
        adapter: In float32.
        config: Of the model it belongs to.
        facts: What peft has no place for.
        card: Its model card.
        dtype: Of the weights on disk.

    Raises:
        InputError: The folder holds something already.
        StoreError: The disk refuses; nothing is left.
    """
    with exported_folder(folder, card=card) as new:
        (new / _WEIGHTS).write_bytes(_ENCODERS[dtype](adapter))
        (new / _CONFIG).write_text(_as_json(config.to_dict()), encoding="utf-8")
        (new / _FACTS).write_text(_as_json(facts), encoding="utf-8")


def _as_json(values: Mapping[str, Any]) -> str:
    # Peft keeps names in sets, whose order changes from process to process.
    return json.dumps(values, indent=2, sort_keys=True, default=sorted) + "\n"


def read_peft_folder(folder: Path) -> tuple[AdapterWeights, dict[str, Any]]:
    """Return an adapter and its facts.

    Raises:
        InputError: The facts are missing or cannot be read.
        ModelError: The weights are missing, not safetensors, or not finite.
    """
    path = folder / _FACTS
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        advice = "export the adapter again"
        raise InputError(
            [Fault(str(path), "no readable JSON", "what export wrote", advice)]
        ) from error
    adapter = open_adapter(folder / _WEIGHTS)
    for name in sorted(adapter):
        if not np.isfinite(adapter[name]).all():
            raise ModelError(
                f"{folder / _WEIGHTS}: found a value that is not finite in {name!r}, expected "
                "finite weights; export the adapter again"
            )
    return adapter, facts
