"""Many runs as one: a grid of cells, each kept when it is done, and the tables made of them."""
