"""Reads mail that lies in files: mbox, maildir, .eml, and zip archives of them."""
