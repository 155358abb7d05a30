"""`python -m archiver` is the command `archiver`."""

from archiver.cli.main import run

run()
