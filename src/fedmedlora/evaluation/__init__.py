"""How good an adapter is, how sure that is, and how evenly it is spread over sites."""
