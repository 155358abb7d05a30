"""Persons, custodians, bodies, accounts, devices, declarations and sources: who and what may be collected."""
