"""What ships with this package: a base model with tokenizer, card and sources, and an adapter."""

from pathlib import Path

ADAPTER = Path(__file__).parent / "adapter"
"""A folder that `export` wrote: Fed-MedLoRA+ of the demo."""

CAUTION = "the adapter of this package, which learnt from invented notes: not for clinical use"
