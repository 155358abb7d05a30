"""Accession: items become records, versions and observations; idempotent, and the tombstones are asked first."""
