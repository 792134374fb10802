"""The local page: notes read and corrected by hand, and a federation watched; see docs/guide."""
