"""LoRA as arrays: weights, their arithmetic, and the files that hold them."""
