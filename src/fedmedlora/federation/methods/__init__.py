"""Published ways to federate LoRA, one a file; `METHOD` in it is all that others read."""
