"""One file for each form that a production takes."""
