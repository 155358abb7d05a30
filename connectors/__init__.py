"""One door to each outside system: connectors read, and know nothing of the archive."""
