"""Chains on which the ledger can stand: one of its own in a file, or any JSON-RPC node."""

import sys

_DEPTH = sys.getrecursionlimit()

import eth  # noqa: E402, F401
import py_ecc  # noqa: E402, F401

# Importing them lets Python call itself a hundred times as deep as its stack holds: a document of
# nothing but brackets, of whoever can send one, would end the process where else it is an error.
sys.setrecursionlimit(_DEPTH)
