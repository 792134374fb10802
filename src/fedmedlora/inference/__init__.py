"""A trained model at work: examples in, integers out."""
