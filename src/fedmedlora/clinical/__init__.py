"""Notes, the labels people put on them, and the windows a model reads them in."""
