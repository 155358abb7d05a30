"""Every table, emptied, replaced and changed column by column: what is held keeps its key and its content.

A record stands in an executing batch of due records, so that one order alone keeps it; no statement on any table takes
its key, its content or that order away.  The tables are those of the schema, so that a new one is tried by itself.
"""

import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Column, Table, bindparam, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.sqltypes import Boolean, Date, Integer, LargeBinary

from schema.db.tables import metadata
from tests.schema.db.test_guards import Raw, archive, raw  # noqa: F401  (fixtures)

LEGAL = {("a request", "hold", "scope", "members")}
"""Single changes that are an official act of their own: the search of a request is complete."""


def a_hold(raw: Raw) -> None:
    """A person's hold."""
    raw.member(raw.hold())


def a_request(raw: Raw) -> None:
    """A request that nobody has searched, limited to the record's source and time."""
    hold = raw.hold(scope="preliminary", state="placing", since=raw.sent, until=raw.sent + 1)
    raw.run("INSERT INTO hold_source (hold_id, source_id) VALUES (:h, :s)", h=hold, s=raw.source)
    raw.run("UPDATE hold SET state = 'active' WHERE id = :h", h=hold)


def a_department(raw: Raw) -> None:
    """An answer "retain"."""
    raw.run("UPDATE disposition_record SET answer = 'retain' WHERE record_id = :r", r=raw.record)


ORDERS: dict[str, Callable[[Raw], None]] = {"a hold": a_hold, "a request": a_request, "a department": a_department}


def others(table: Table, column: Column[Any]) -> Iterator[Any]:
    """Values that a column may take instead of its own."""
    checks = (str(one.sqltext) for one in table.constraints if one.__visit_name__.endswith("check_constraint"))  # type: ignore[attr-defined]  # a CHECK has one
    allowed = next((sql for sql in checks if sql.startswith(f"{column.name} IN")), None)
    if column.nullable:
        yield None
    if allowed:
        yield from re.findall(r"'([^']*)'", allowed)
    elif isinstance(column.type, LargeBinary):
        yield b"\x07" * (column.type.length or 10)
    elif isinstance(column.type, Date):
        yield from (date(1999, 1, 1), date(2999, 1, 1))
    elif isinstance(column.type, Boolean):
        yield from (True, False)
    elif isinstance(column.type, Integer):
        yield from (0, 1, 999_999_999)
    else:
        yield "x"


def statements(raw: Raw, order: str, table: Table) -> Iterator[Any]:
    """All that can be done to a table in one statement."""
    yield text(f'DELETE FROM "{table.name}"')
    if raw.dialect == "sqlite":
        yield text(f'INSERT OR REPLACE INTO "{table.name}" SELECT * FROM "{table.name}"')
    else:
        yield text(f'TRUNCATE "{table.name}" CASCADE')
    for column in table.columns:
        for value in others(table, column):
            if (order, table.name, column.name, value) not in LEGAL:
                yield update(table).values({column.name: bindparam(None, value, column.type)})


def content(raw: Raw) -> list[Any]:
    """Key and content of the record, as they lie in the tables."""
    mine = f"owner_kind = 'record' AND owner_id = {raw.record}"
    queries = (
        f"SELECT * FROM owner_key WHERE {mine} ORDER BY master_id",
        f"SELECT * FROM payload WHERE {mine} ORDER BY id",
        f"SELECT * FROM component WHERE record_id = {raw.record} ORDER BY id",
    )
    return [tuple(row) for query in queries for row in raw.connection.execute(text(query))]


@pytest.mark.parametrize("order", ORDERS)
def test_no_statement_on_any_table_frees_what_is_held(raw: Raw, order: str) -> None:
    """Whatever passes leaves key and content as they were, and both are refused to whoever deletes them next."""
    raw.disposition()
    ORDERS[order](raw)
    before, passed = content(raw), 0
    assert len(before) > 3
    for table in metadata.sorted_tables:
        for statement in statements(raw, order, table):
            savepoint = raw.connection.begin_nested()
            try:
                raw.connection.execute(statement)
            except DBAPIError:
                savepoint.rollback()
                continue
            passed += 1
            assert content(raw) == before, f"{statement} on {table.name}"
            raw.kept()
            savepoint.rollback()
    assert passed > 100, "nothing was tried"
