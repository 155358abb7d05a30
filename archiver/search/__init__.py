"""The query language, its answers and what they cover."""
