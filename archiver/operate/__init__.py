"""Operating an archive: make, verify, examine, upgrade, back up, restore, move."""
