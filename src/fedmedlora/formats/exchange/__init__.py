"""The formats in which others keep annotated notes: one file is one, under its name."""
