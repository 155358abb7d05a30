"""Disposition: batches of due records, from proposal over answers and approvals to destruction, proof, certificate."""
