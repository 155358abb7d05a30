"""The database's own refusals, as triggers: the last word on what may be removed or changed (decision 8).

Re-applied after each migration, because a batch migration silently drops triggers; what the catalogue holds is
compared with this file when an archive is opened.
"""

from hashlib import sha256

from sqlalchemy import Connection, text

from schema.db.guard_rules import GUARDS, NO_TRUNCATE

PREFIX = "guard_"

_LOCK = 7_203_001
"""Advisory lock: shared by whoever places a hold, exclusive for whoever destroys a key."""

_DECIDED = "PERFORM 1 FROM disposition_record WHERE record_id = {record} FOR UPDATE;"
"""Whoever answers "retain" at this moment comes before the destruction, or after it."""

_CODE = "USING ERRCODE = 'integrity_constraint_violation'"
"""So that a refusal is an IntegrityError on PostgreSQL too."""


def sqlite_statements() -> dict[str, str]:
    """Trigger name -> SQL for SQLite."""
    statements = {}
    for name, table, act, condition, message in GUARDS:
        written = condition.replace("{same}", "IS").replace("{differs}", "IS NOT")
        statements[PREFIX + name] = (
            f"CREATE TRIGGER {PREFIX}{name} BEFORE {act} ON {table} WHEN {written}\n"
            f"BEGIN SELECT RAISE(ABORT, 'guard: {message}'); END"
        )
    return statements


def postgresql_functions() -> dict[str, str]:
    """Function name -> body for PostgreSQL (compared with `pg_proc.prosrc`)."""
    bodies = {}
    for name, _table, act, condition, message in GUARDS:
        written = condition.replace("{same}", "IS NOT DISTINCT FROM").replace("{differs}", "IS DISTINCT FROM")
        lock = ""
        if name == "record_destroyed":
            lock = (
                "IF NEW.destroyed_at IS DISTINCT FROM OLD.destroyed_at THEN "
                f"PERFORM pg_advisory_xact_lock({_LOCK}); {_DECIDED.format(record='OLD.id')} END IF;"
            )
        if name in ("key_delete", "payload_delete"):
            # READ COMMITTED would let a hold and a destruction both commit: whoever comes second must see the first.
            lock = (
                f"PERFORM pg_advisory_xact_lock({_LOCK}); IF OLD.owner_kind = 'record' THEN "
                "PERFORM 1 FROM record WHERE id = OLD.owner_id AND destroyed_at IS NULL FOR UPDATE; "
                f"IF FOUND THEN {_DECIDED.format(record='OLD.owner_id')} END IF; END IF;"
            )
        result = "OLD" if act == "DELETE" else "NEW"
        bodies[PREFIX + name] = (
            f"BEGIN {lock} IF ({written}) THEN RAISE EXCEPTION 'guard: {message}' {_CODE}; END IF; RETURN {result}; END"
        )
    bodies[PREFIX + "truncate"] = f"BEGIN RAISE EXCEPTION 'guard: this table is never emptied' {_CODE}; END"
    bodies[PREFIX + "hold_lock"] = f"BEGIN PERFORM pg_advisory_xact_lock_shared({_LOCK}); RETURN NEW; END"
    bodies[PREFIX + "member_lock"] = (
        f"BEGIN PERFORM pg_advisory_xact_lock_shared({_LOCK}); "
        "PERFORM 1 FROM record WHERE id = NEW.record_id FOR UPDATE; RETURN NEW; END"
    )
    return bodies


def postgresql_triggers() -> dict[str, str]:
    """Trigger name -> CREATE TRIGGER for PostgreSQL."""
    triggers = {
        PREFIX
        + name: f"CREATE TRIGGER {PREFIX}{name} BEFORE {act} ON {table} FOR EACH ROW EXECUTE FUNCTION {PREFIX}{name}()"
        for name, table, act, _condition, _message in GUARDS
    }
    for table in NO_TRUNCATE:
        name = f"{PREFIX}{table}_truncate"
        triggers[name] = f"CREATE TRIGGER {name} BEFORE TRUNCATE ON {table} EXECUTE FUNCTION {PREFIX}truncate()"
    for table, function in (("hold", "hold_lock"), ("hold_member", "member_lock")):
        name = f"{PREFIX}{table}_lock"
        triggers[name] = (
            f"CREATE TRIGGER {name} BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {PREFIX}{function}()"
        )
    return triggers


def install(connection: Connection) -> None:
    """(Re-)create every guard in the caller's transaction."""
    if connection.dialect.name == "sqlite":
        for name, statement in sqlite_statements().items():
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
            connection.exec_driver_sql(statement)
        return
    for name, body in postgresql_functions().items():
        connection.exec_driver_sql(
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $guard${body}$guard$"
        )
    for name, statement in postgresql_triggers().items():
        table = statement.split(" ON ", 1)[1].split(" ", 1)[0]
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name} ON {table}")
        connection.exec_driver_sql(statement)


def lock_for_destruction(connection: Connection) -> None:
    """Take the guards' lock before any row, as whoever places a hold does; only PostgreSQL needs it."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def remove(connection: Connection) -> None:
    """Drop every guard in the caller's transaction, which must install them again before it ends (migrations only)."""
    if connection.dialect.name == "sqlite":
        for name in _sqlite_triggers(connection):
            connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
        return
    for name, table, _enabled, _definition in connection.execute(_POSTGRESQL_TRIGGERS):
        connection.exec_driver_sql(f'DROP TRIGGER "{name}" ON {table}')


def expected(dialect: str) -> str:
    """Hex digest of what the catalogue should hold."""
    if dialect == "sqlite":
        return _digest(sqlite_statements())
    triggers = {f"trigger {name}": f"O {sql}" for name, sql in postgresql_triggers().items()}
    return _digest({**postgresql_functions(), **triggers})


_POSTGRESQL_TRIGGERS = text(
    "SELECT tgname, tgrelid::regclass::text, tgenabled::text, pg_get_triggerdef(t.oid, true) FROM pg_trigger t"
    " JOIN pg_class c ON c.oid = t.tgrelid"
    " WHERE NOT tgisinternal AND tgname LIKE 'guard\\_%' AND c.relnamespace = current_schema()::regnamespace"
)


def _sqlite_triggers(connection: Connection) -> dict[str, str]:
    rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))
    return {row.name: row.sql for row in rows if row.name.startswith(PREFIX)}


def found(connection: Connection) -> str:
    """Hex digest of what the catalogue holds."""
    if connection.dialect.name == "sqlite":
        return _digest(_sqlite_triggers(connection))
    functions = connection.execute(
        text(
            "SELECT proname, prosrc FROM pg_proc"
            " WHERE proname LIKE 'guard\\_%' AND pronamespace = current_schema()::regnamespace"
        )
    )
    held = {row.proname: row.prosrc for row in functions}
    for name, _table, enabled, definition in connection.execute(_POSTGRESQL_TRIGGERS):
        held[f"trigger {name}"] = f"{enabled} {definition.replace(' FOR EACH STATEMENT', '')}"
    return _digest(held)


def _digest(parts: dict[str, str]) -> str:
    return sha256("\n".join(f"{name}\n{parts[name]}" for name in sorted(parts)).encode()).hexdigest()
