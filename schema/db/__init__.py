"""Tables of the facts, one file per family of nouns; no queries, no rules."""
