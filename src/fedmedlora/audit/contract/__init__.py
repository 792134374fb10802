"""The one contract: its source, and what its compiler made of it.

`python -m fedmedlora.audit.contract` makes FedLedger.json again (Vyper 0.4.3); a test compares.
"""
