"""Data keys, sealed payloads and objects; the only room that sees both key and content."""

from archiver.vault.keys import Owner, Vault

__all__ = ["Owner", "Vault"]
