"""One site, one round: base models with LoRA, and the training loop."""
