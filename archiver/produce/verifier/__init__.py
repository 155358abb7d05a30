"""The stand-alone verifier; verify.py is copied into each package and used by `archiver produce verify`."""
