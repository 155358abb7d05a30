"""Drafts the next migration from the difference between the tables and the newest migration (see README.md here)."""

import re
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.operations import ops
from sqlalchemy import CheckConstraint, Table, create_engine, inspect
from sqlalchemy.pool import StaticPool
from sqlalchemy.sql.elements import conv

from schema.db.migrations import FOLDER, versions
from schema.db.tables import metadata


def draft(message: str, tables: Collection[str] = (), *, folder: Path = FOLDER) -> Path:
    """Write the next numbered file; tables: take up only these, empty: everything that differs."""
    versions.cache_clear()
    known = versions(folder)
    number = f"{int(known[-1]) + 1 if known else 1:04d}"
    name = f"v{number}_{re.sub(r'[^a-z0-9]+', '_', message.lower()).strip('_')}"

    def wanted(_object: Any, object_name: str, kind: str, _reflected: bool, _compare_to: Any) -> bool:
        return kind != "table" or not tables or object_name in tables

    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("file_template", name)
    engine = create_engine("sqlite://", poolclass=StaticPool)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        if known:
            command.upgrade(config, "head")
        config.attributes["include_object"] = wanted
        command.revision(config, message, rev_id=number, autogenerate=True, process_revision_directives=_with_checks)
    engine.dispose()
    versions.cache_clear()
    file = folder / "versions" / f"{name}.py"
    file.write_text("".join(line for line in file.read_text().splitlines(True) if "# ###" not in line))
    return file


def checks_of(table: Table) -> dict[str, str]:
    """The CHECK constraints of a table and its columns: name -> SQL."""
    found = {one for one in table.constraints if isinstance(one, CheckConstraint)}
    found |= {one for column in table.columns for one in column.constraints if isinstance(one, CheckConstraint)}
    return {str(one.name): str(one.sqltext) for one in found}


def _with_checks(context: Any, _revision: Any, directives: list[Any]) -> None:
    """Add what autogenerate leaves out: CHECKs of columns in new tables, and changed vocabularies in known ones."""
    upgrade = directives[0].upgrade_ops
    for one in upgrade.ops:
        if isinstance(one, ops.CreateTableOp):
            has = {part.name for part in one.columns if isinstance(part, CheckConstraint)}
            checks = checks_of(metadata.tables[one.table_name])
            one.columns = [
                *one.columns,
                *(CheckConstraint(sql, name=conv(name)) for name, sql in sorted(checks.items()) if name not in has),
            ]
    inspector = inspect(context.connection)
    for name in inspector.get_table_names():
        if name in metadata.tables:
            changed = _changed_checks(metadata.tables[name], inspector)
            known = next(
                (one for one in upgrade.ops if isinstance(one, ops.ModifyTableOps) and one.table_name == name), None
            )
            if changed and known is not None:
                known.ops.extend(changed)
            elif changed:
                upgrade.ops.append(ops.ModifyTableOps(name, changed))


def _changed_checks(table: Table, inspector: Any) -> list[Any]:
    there = {one["name"]: one["sqltext"] for one in inspector.get_check_constraints(table.name)}
    wanted = checks_of(table)
    changed: list[Any] = []
    for name in sorted(set(there) | set(wanted)):
        if there.get(name) == wanted.get(name):
            continue
        if name in there:
            changed.append(ops.DropConstraintOp(conv(name), table.name, type_="check"))
        if name in wanted:
            changed.append(ops.CreateCheckConstraintOp(conv(name), table.name, wanted[name]))
    return changed


if __name__ == "__main__":
    sys.stdout.write(f"{draft(sys.argv[1], sys.argv[2:])}\n")
