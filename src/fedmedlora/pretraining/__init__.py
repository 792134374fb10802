"""How the bundled base model is made: open text, invented notes, and exercises of no task."""
