"""Where rounds run: on one machine here, between hospitals elsewhere."""
