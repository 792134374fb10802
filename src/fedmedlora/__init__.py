"""Hospitals fine-tune one language model together; notes stay where they are."""
