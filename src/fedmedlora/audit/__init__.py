"""Who trained what, proved: identities, signed manifests, a ledger, and what checks them all."""
