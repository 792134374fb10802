"""A base model small enough for a test."""

from fedmedlora.pretraining.recipe import Recipe

SMALL = Recipe(
    vocabulary=600,
    width=32,
    inner_width=64,
    depth=2,
    heads=2,
    window=64,
    windows_a_step=2,
    steps=6,
    warmup=2,
    cooldown=0.5,
)
