"""Hospitals that do not exist: notes with exact gold annotations, from a seed."""
