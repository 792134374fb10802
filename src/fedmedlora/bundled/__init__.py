"""The base model that ships with this package: weights, tokenizer, card, sources."""
