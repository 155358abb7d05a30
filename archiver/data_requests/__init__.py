"""Data requests: the register, dates that explain themselves, fees, searches, candidates, request files and letters."""
