"""This process made ready for training: threads, determinism, device."""

import torch
from accelerate import Accelerator


def prepared(num_threads: int) -> Accelerator:
    """Return the accelerator of this process, with torch set to give the same bytes each time."""
    torch.set_num_threads(num_threads)
    torch.use_deterministic_algorithms(mode=True)
    # Nothing here reads what it has not written; filling every new tensor costs a tenth.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    # A process has one precision in accelerate; the model's own lets two differ.
    return Accelerator(mixed_precision="no", cpu=not _has_accelerator())


def _has_accelerator() -> bool:
    # Accelerate would take others too, on which nothing here was ever looked at.
    return torch.cuda.is_available() or torch.backends.mps.is_available()
