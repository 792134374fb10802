"""A model behind an OpenAI-compatible address: it is asked, never trained."""
