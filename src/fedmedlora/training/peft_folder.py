"""An adapter as a folder that plain peft loads, and the few facts that peft has no place for.

adapter_config.json           peft's own
adapter_model.safetensors     peft's own
fedmedlora.json               base, its digest, formulation, types: what extraction needs
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from peft import PeftConfig

from fedmedlora.adapters.files import encode, encode_narrow, open_adapter
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.durable_files import write_whole
from fedmedlora.errors import Fault, InputError, ModelError, StoreError
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
    dtype: Dtype = "float32",
) -> None:
    """Write an adapter folder.

    Args:
        folder: New or empty.
        adapter: In float32.
        config: Of the model it belongs to.
        facts: What peft has no place for.
        dtype: Of the weights on disk.

    Raises:
        InputError: The folder holds something already.
        StoreError: The disk refuses; no file is left.
    """
    if folder.exists() and any(folder.iterdir()):
        advice = "name another --out"
        raise InputError([Fault(str(folder), "a folder in use", "a new or empty one", advice)])
    files = {
        _WEIGHTS: _ENCODERS[dtype](adapter),
        _CONFIG: _as_json(config.to_dict()).encode(),
        _FACTS: _as_json(facts).encode(),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write_whole(folder / name, content)
    except OSError as error:
        # Half an adapter would be in the way of the next try.
        for part in [folder / name for name in files if (folder / name).is_file()]:
            part.unlink()
        raise StoreError(
            f"{folder}: found {error.strerror!r} on writing, expected room and permission; "
            "free the disk or choose another folder"
        ) from error


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
