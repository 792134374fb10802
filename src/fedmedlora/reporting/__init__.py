"""What a person reads after a run: one HTML file that asks nothing of any other host."""
