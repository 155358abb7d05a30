"""The database's own refusals, as triggers: the last word on what may be removed or changed (decision 8).

Re-applied after each migration, because a batch migration silently drops triggers; what the catalogue holds is
compared with this file when an archive is opened.
"""

from hashlib import sha256

from sqlalchemy import Connection, text

PREFIX = "guard_"

_HELD = """(
    NOT EXISTS (SELECT 1 FROM disposition_record dr JOIN disposition d ON d.id = dr.disposition_id
                WHERE dr.record_id = {record} AND d.state = 'executing')
 OR EXISTS (SELECT 1 FROM hold_member m JOIN hold h ON h.id = m.hold_id
            WHERE m.record_id = {record} AND h.state <> 'lifted')
 OR EXISTS (SELECT 1 FROM hold h WHERE h.state = 'placing')
 OR EXISTS (SELECT 1 FROM hold h JOIN record r ON r.id = {record}
            WHERE h.state = 'active' AND h.scope = 'preliminary'
              AND (r.sent_at IS NULL OR ((h.sent_since IS NULL OR r.sent_at >= h.sent_since)
                                     AND (h.sent_until IS NULL OR r.sent_at < h.sent_until)))
              AND (NOT EXISTS (SELECT 1 FROM hold_source s WHERE s.hold_id = h.id)
                   OR EXISTS (SELECT 1 FROM hold_source s WHERE s.hold_id = h.id AND s.source_id = r.source_id)))
 OR EXISTS (SELECT 1 FROM hold h JOIN record r ON r.id = {record}
            WHERE h.state = 'active' AND h.evaluated_to IS NOT NULL AND r.changed_at > h.evaluated_to)
)"""
"""A record's content may not go: not in an executing batch, held, or changed since standing holds were evaluated."""

_DISPOSABLE = "('credential', 'batch', 'submission')"
"""Owners whose keys are the machine's own and may go when their work is done."""

_NEWER_KEY = """EXISTS (SELECT 1 FROM owner_key k WHERE k.owner_kind = OLD.owner_kind AND k.owner_id = OLD.owner_id
                    AND k.master_id > OLD.master_id)"""


def _keeps(owner_kind: str, record: str) -> str:
    return f"""CASE WHEN {owner_kind} IN {_DISPOSABLE} THEN FALSE
                    WHEN {owner_kind} = 'record' THEN {_HELD.format(record=record)} ELSE TRUE END"""


_EVENT_SAME = " AND ".join(
    f"NEW.{column} {{same}} OLD.{column}"
    for column in (
        "id", "at", "actor_id", "act", "object_kind", "object_id", "outcome", "facts", "text_digest",
        "text_payload_id", "leaf",
    )
)  # fmt: skip

_NOT_SAME_EVENT = f"NOT (OLD.position IS NULL AND NEW.position IS NOT NULL AND {_EVENT_SAME})"

GUARDS: tuple[tuple[str, str, str, str, str], ...] = (
    # name, table, act, condition under which it is refused, message
    ("audit_delete", "audit_event", "DELETE", "TRUE", "audit events are never deleted"),
    ("audit_update", "audit_event", "UPDATE", _NOT_SAME_EVENT, "audit events are never changed"),
    ("head_delete", "audit_head", "DELETE", "TRUE", "signed heads are never deleted"),
    ("head_update", "audit_head", "UPDATE", "TRUE", "signed heads are never changed"),
    ("record_delete", "record", "DELETE", "TRUE", "a record row is never deleted"),
    (
        "record_update",
        "record",
        "UPDATE",
        "NEW.id <> OLD.id OR NEW.native_key <> OLD.native_key OR NEW.source_id <> OLD.source_id",
        "the identity of a record never changes",
    ),
    ("version_delete", "version", "DELETE", "TRUE", "a version row is never deleted"),
    ("tombstone_delete", "tombstone", "DELETE", "TRUE", "a tombstone is never deleted"),
    ("key_update", "owner_key", "UPDATE", "TRUE", "a data key is never changed"),
    (
        "key_delete",
        "owner_key",
        "DELETE",
        f"NOT {_NEWER_KEY} AND {_keeps('OLD.owner_kind', 'OLD.owner_id')}",
        "the key of a record that is held or not in an approved batch is not destroyed",
    ),
    ("payload_update", "payload", "UPDATE", "TRUE", "sealed content is never changed"),
    (
        "payload_delete",
        "payload",
        "DELETE",
        _keeps("OLD.owner_kind", "OLD.owner_id"),
        "the content of a record that is held or not in an approved batch is not destroyed",
    ),
    ("hold_delete", "hold", "DELETE", "TRUE", "a hold is lifted, never deleted"),
    (
        "hold_update",
        "hold",
        "UPDATE",
        "OLD.state = 'lifted' OR (OLD.state = 'active' AND (NEW.sent_since {differs} OLD.sent_since"
        " OR NEW.sent_until {differs} OLD.sent_until OR (OLD.scope = 'members' AND NEW.scope <> 'members')))",
        "a hold in force is not narrowed; lift it with a reason",
    ),
    (
        "hold_source_insert",
        "hold_source",
        "INSERT",
        "(SELECT state FROM hold WHERE id = NEW.hold_id) <> 'placing'",
        "a hold in force is not narrowed; lift it with a reason",
    ),
    (
        "hold_member_delete",
        "hold_member",
        "DELETE",
        "(SELECT state FROM hold WHERE id = OLD.hold_id) <> 'lifted'",
        "a record leaves a hold only when the hold is lifted",
    ),
    ("hold_member_update", "hold_member", "UPDATE", "TRUE", "members of a hold are never changed"),
)

_NO_TRUNCATE = (
    "audit_event", "audit_head", "record", "version", "component", "tombstone", "owner_key", "payload", "hold",
    "hold_source", "hold_member", "disposition_record",
)  # fmt: skip

_LOCK = 7_203_001
"""Advisory lock: shared by whoever places a hold, exclusive for whoever destroys a key."""

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
        if name in ("key_delete", "payload_delete"):
            # READ COMMITTED would let a hold and a destruction both commit: whoever comes second must see the first.
            lock = (
                f"PERFORM pg_advisory_xact_lock({_LOCK}); "
                "IF OLD.owner_kind = 'record' THEN PERFORM 1 FROM record WHERE id = OLD.owner_id FOR UPDATE; END IF;"
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
    for table in _NO_TRUNCATE:
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
