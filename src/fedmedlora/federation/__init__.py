"""The algorithm: reports become shares, updates become the next global adapter."""
