"""Changes of sites before a cell runs: every file is one, `CHANGE` with what it can be told."""
