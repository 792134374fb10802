"""A base model small enough for a test."""

from fedmedlora.pretraining.recipe import Recipe, Stage

SMALL = Recipe(
    vocabulary=600,
    width=32,
    inner_width=64,
    depth=2,
    heads=2,
    window=64,
    windows_a_step=2,
    stages=(
        Stage(steps=6, warmup=2, cooldown=0.5, learning_rate=2e-3),
        Stage(steps=4, warmup=1, cooldown=0.5, learning_rate=1e-3, both_ways=True),
    ),
)
