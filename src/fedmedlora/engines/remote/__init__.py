"""The engine of sites that are elsewhere: questions go there, answers come back."""
