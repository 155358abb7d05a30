"""Reads a mailbox on an IMAP server, without changing anything in it."""
