"""What a run ran on: versions and machine, for whoever wants the same figures again."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = (
    "fedmedlora",
    "torch",
    "transformers",
    "peft",
    "accelerate",
    "safetensors",
    "tokenizers",
    "numpy",
)


def environment() -> dict[str, object]:
    """Return the versions and the machine of this process."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "versions": {package: _version(package) for package in _PACKAGES},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
