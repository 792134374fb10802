"""One file a hospital: its words, its cases and the layout of its notes."""
