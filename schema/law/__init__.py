"""Law as data: jurisdictions and retention schedules in TOML, their shapes, their loader and their linter."""
