"""One experiment: what is asked (config), what came out (store, results)."""
