"""The audit log: append-only, Merkle-logged, signed."""
