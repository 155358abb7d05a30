"""Strings the left half of the house together: one source, one run; standing holds."""
