"""What a run ran on: versions and machine, for whoever wants the same figures again."""

import os
import platform
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

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


def usage(
    earlier: Mapping[str, Any], *, seconds: float, peak_memory_bytes: int | None
) -> dict[str, Any]:
    """Return what a run has used so far: what it had used before, and since it went on.

    Args:
        earlier: What this function returned before the run went on, or nothing.
        seconds: Wall time since.
        peak_memory_bytes: The most memory held since.
    """
    peaks = [earlier.get("peak_memory_bytes"), peak_memory_bytes]
    return {
        "seconds": earlier.get("seconds", 0.0) + seconds,
        "peak_memory_bytes": max((peak for peak in peaks if peak is not None), default=None),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


if sys.platform == "win32":

    def peak_memory_bytes() -> int | None:
        """Return the most memory this process has held, None where the system does not say."""
        return None

else:
    import resource

    def peak_memory_bytes() -> int | None:
        """Return the most memory this process has held, None where the system does not say."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        # macOS counts bytes, every other system kibibytes.
        return peak if sys.platform == "darwin" else 1024 * peak
