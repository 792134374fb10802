"""Where rounds run: in one process here, between hospitals elsewhere."""
