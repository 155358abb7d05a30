"""Tables and their migrations: forward only, guards re-applied after each."""

from sqlalchemy import Engine

from schema.db import guards
from schema.db.tables import metadata


def create_tables(engine: Engine) -> None:
    """Make all tables and guards in an empty database."""
    with engine.execution_options(writing=True).begin() as connection:
        metadata.create_all(connection)
        guards.install(connection)
