"""Fixtures that tests of several rooms share."""

from tests.fixtures.postgres import new_postgres, postgres_server, postgres_url

__all__ = ["new_postgres", "postgres_server", "postgres_url"]
