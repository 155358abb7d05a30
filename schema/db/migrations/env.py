"""Runs migrations on the caller's connection, in the caller's transaction; there is no file of settings."""

from alembic import context

from schema.db.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_object=context.config.attributes.get("include_object"),
    render_as_batch=True,  # SQLite alters most things only by copying the table
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
