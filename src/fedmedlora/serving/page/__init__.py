"""What a browser loads, as it stands here: no build step, and nothing from any other host."""
