"""Ways to write values for the wire, one a file; `CODEC` in it is all that others read."""
