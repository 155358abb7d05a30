"""The archive of a city's official content: collect, keep, search, release, destroy, and prove it."""
