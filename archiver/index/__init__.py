"""The index: derived, plain, disposable; says how far it has come."""
