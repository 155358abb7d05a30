"""Shapes and vocabularies: everything that must stay readable if the code is lost."""
