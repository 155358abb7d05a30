"""Migrations: they make exactly the tables of the models, lose nothing, put the guards back, run only when asked."""

import json
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, Table, create_engine, event, inspect, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import StaticPool
from sqlalchemy.sql.sqltypes import Boolean, Date, Integer, LargeBinary

from archiver.archive import Archive, City
from archiver.audit.verify import verify_log
from archiver.cli.main import main
from archiver.errors import Locked, Refused, VerificationFailed, WrongVersion
from archiver.operate.initialise import initialise
from archiver.operate.migrate import create_tables, migrate, upgrade, version
from schema.db import guards
from schema.db.migrations import FOLDER, head, versions
from schema.db.tables import metadata

CITY = City("Test City", "us-mn", "America/Chicago", for_tests=True)

REBUILD = '''"""A migration of the kind that SQLite does by copying the table, which drops its triggers."""
import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{head}"


def upgrade() -> None:
    kept = {{"sqlite_autoincrement": True}}
    with op.batch_alter_table("retention_tag", recreate="always", table_kwargs=kept) as batch:
        batch.add_column(sa.Column("note", sa.String(40)))
    with op.batch_alter_table("payload", recreate="always") as batch:
        batch.add_column(sa.Column("note", sa.String(40)))
    {extra}
'''


def sqlite_engine() -> Engine:
    """An empty database in memory whose transactions we begin ourselves, with foreign keys off."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    event.listen(engine, "connect", lambda connection, _record: setattr(connection, "isolation_level", None))
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def catalogue(connection: Connection) -> dict[str, Any]:
    """All that a database says of its tables, without what two ways of making them may spell differently."""
    inspector = inspect(connection)
    found = {}
    for table in inspector.get_table_names():
        if table == "alembic_version":
            continue
        found[table] = {
            "columns": {
                one["name"]: (str(one["type"]), one["nullable"], str(one["default"]), one.get("identity"))
                for one in inspector.get_columns(table)
            },
            "primary key": inspector.get_pk_constraint(table)["constrained_columns"],
            "foreign keys": sorted(
                (one["name"], one["constrained_columns"], one["referred_table"], one["referred_columns"])
                for one in inspector.get_foreign_keys(table)
            ),
            "unique": sorted((one["name"], one["column_names"]) for one in inspector.get_unique_constraints(table)),
            "checks": sorted(
                (one["name"], re.sub(r"\s+", " ", one["sqltext"])) for one in inspector.get_check_constraints(table)
            ),
            "indexes": sorted(
                (
                    one["name"],
                    one["column_names"],
                    bool(one["unique"]),
                    sorted(f"{key}={value}" for key, value in one.get("dialect_options", {}).items()),
                )
                for one in inspector.get_indexes(table)
            ),
        }
        if connection.dialect.name == "sqlite":
            sql = connection.execute(
                text("SELECT sql FROM sqlite_master WHERE name = :name"), {"name": table}
            ).scalar_one()
            found[table]["never reused"] = "AUTOINCREMENT" in sql
    return found


def differences(made: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Where two catalogues differ, by table and part."""
    tables = [
        f"{table}: only in {'models' if table in wanted else 'migrations'}" for table in sorted(set(made) ^ set(wanted))
    ]
    return tables + [
        f"{table}.{part}: migrated {made[table][part]} but models {wanted[table][part]}"
        for table in sorted(set(made) & set(wanted))
        for part in made[table]
        if made[table][part] != wanted[table][part]
    ]


def test_migrated_head_is_the_models_on_sqlite() -> None:
    """Columns, keys, uniqueness, CHECKs, indexes, AUTOINCREMENT are the same; else draft a migration (README there)."""
    models, migrated = sqlite_engine(), sqlite_engine()
    metadata.create_all(models)
    create_tables(migrated)
    with models.connect() as one, migrated.connect() as other:
        assert differences(catalogue(other), catalogue(one)) == []
        assert guards.found(other) == guards.expected("sqlite")


def test_migrated_head_is_the_models_on_postgresql(new_postgres: Any) -> None:
    """The same on PostgreSQL."""
    models, migrated = create_engine(new_postgres()), create_engine(new_postgres())
    metadata.create_all(models)
    create_tables(migrated)
    with models.connect() as one, migrated.connect() as other:
        assert differences(catalogue(other), catalogue(one)) == []
        assert guards.found(other) == guards.expected("postgresql")
    models.dispose()
    migrated.dispose()


def test_numbers_are_a_chain() -> None:
    """Every file follows the one before it; the newest is the head that opening an archive compares with."""
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    script = ScriptDirectory.from_config(config)
    chain = [one.revision for one in script.walk_revisions()]
    assert chain == list(reversed(versions())) and script.get_current_head() == head()


def row_of(table: Table) -> dict[str, Any]:
    """One row that the table's types and CHECKs accept; references lead nowhere, since all rows have the id 1."""
    checks = {
        one.name: str(one.sqltext) for one in table.constraints if one.__visit_name__.endswith("check_constraint")
    }  # type: ignore[attr-defined]
    row: dict[str, Any] = {}
    for column in table.columns:
        allowed = next((sql for sql in checks.values() if sql.startswith(f"{column.name} IN")), None)
        if allowed:
            row[column.name] = re.findall(r"'([^']*)'", allowed)[0]
        elif isinstance(column.type, LargeBinary):
            row[column.name] = b"\x01" * (column.type.length or 10)
        elif isinstance(column.type, Date):
            row[column.name] = "2026-01-05"
        else:
            row[column.name] = 1 if isinstance(column.type, (Integer, Boolean)) else "one"
    if table.name in ("declaration", "source"):
        row["device_id"] = None
    return row


def test_each_migration_keeps_the_rows_before_it() -> None:
    """One row in every table survives all later migrations, value by value."""
    from sqlalchemy import MetaData

    engine = sqlite_engine()
    written: dict[str, dict[str, Any]] = {}
    for target in versions():
        with engine.begin() as connection:
            if target != versions()[0]:
                before = MetaData()
                before.reflect(connection)
                for name, table in before.tables.items():
                    if name not in written and name != "alembic_version":
                        row = row_of(table)
                        columns = ", ".join(f'"{column}"' for column in row)
                        marks = ", ".join("?" for _ in row)
                        connection.exec_driver_sql(
                            f'INSERT INTO "{name}" ({columns}) VALUES ({marks})', tuple(row.values())
                        )
                        written[name] = row
            from alembic import command
            from alembic.config import Config

            config = Config()
            config.set_main_option("script_location", str(FOLDER))
            config.attributes["connection"] = connection
            command.upgrade(config, target)
            for name, row in written.items():
                kept = [dict(one) for one in connection.exec_driver_sql(f'SELECT * FROM "{name}"').mappings()]
                assert row in [{column: one[column] for column in row if column in one} for one in kept]
    assert len(written) > 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A new archive on SQLite."""
    return initialise(tmp_path / "archive", CITY).folder


def later_program(tmp_path: Path, extra: str = "pass") -> Path:
    """The migrations of a later program, with one more step."""
    folder = tmp_path / "migrations"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "v9999_rebuild.py").write_text(REBUILD.format(head=head(), extra=extra))
    return folder


def set_version(folder: Path, value: str) -> None:
    """Make an archive look older or newer."""
    with sqlite3.connect(folder / "archive.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (value,))
    connection.close()


@pytest.mark.parametrize("value", ["0001", "9999"])
def test_older_and_newer_archives_are_refused(folder: Path, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every other command refuses with exit code 10 and names `archiver upgrade`; nothing is touched."""
    set_version(folder, value)
    with pytest.raises(WrongVersion):
        Archive(folder)
    for command in (["source", "list"], ["collect", "--all"], ["search", "x"], ["person", "list"]):
        assert main(["--archive", str(folder), *command]) == 10
        said = capsys.readouterr().err
        assert value in said and head() in said and "`archiver upgrade`" in said and "Traceback" not in said


def test_a_newer_archive_is_not_upgraded(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Forward only: a program never takes an archive back."""
    set_version(folder, "9999")
    assert main(["--archive", str(folder), "upgrade", "--json"]) == 10
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "wrong_version"


def test_a_folder_without_tables_is_no_archive(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A database without our tables is not an archive, to upgrade neither."""
    (folder / "archive.db").unlink()
    for command in (["upgrade"], ["source", "list"]):
        assert main(["--archive", str(folder), *command]) == 10
        assert "no archive" in capsys.readouterr().err


def test_upgrade(folder: Path, tmp_path: Path) -> None:
    """A copy is made first, readable by its owner only; rows, guards and log are whole after it; the act is logged."""
    done = upgrade(folder, migrations=later_program(tmp_path))
    assert (done.found, done.now, done.guards_were_intact) == (head(), "9999", True)
    assert done.backup is not None and stat.S_IMODE(done.backup.stat().st_mode) == 0o600
    with sqlite3.connect(done.backup) as copy:
        assert copy.execute("SELECT version_num FROM alembic_version").fetchone() == (head(),)
        assert copy.execute("SELECT count(*) FROM audit_event").fetchone()[0] > 0
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    copy.close()
    with pytest.raises(WrongVersion):
        Archive(folder)  # this program is older than the archive now
    set_version(folder, head())
    archive = Archive(folder)
    assert archive.guards_intact
    with archive.reading() as session:
        assert verify_log(session, archive.signer.public).problems == ()
        last = text("SELECT act, facts FROM audit_event ORDER BY id DESC LIMIT 1")
        act, facts = session.execute(last).one()
    assert act == "archive.upgrade" and json.loads(facts)["to"] == "9999"
    with pytest.raises(IntegrityError, match="guard"), archive.unit() as session:
        session.execute(text("DELETE FROM payload"))
    archive.close()


def test_upgrade_that_fails_changes_nothing(folder: Path, tmp_path: Path) -> None:
    """All or nothing: where a migration breaks off, or leaves rows that refer to nothing, the archive is as before."""
    broken = later_program(tmp_path / "a", "raise OSError('power')")
    with pytest.raises(OSError, match="power"):
        upgrade(folder, migrations=broken)
    orphaned = later_program(tmp_path / "b", 'op.execute("DELETE FROM person")')
    with pytest.raises(VerificationFailed, match="person"):
        upgrade(folder, migrations=orphaned)
    archive = Archive(folder)
    assert archive.guards_intact
    with archive.reading() as session:
        assert session.execute(text("SELECT count(*) FROM person")).scalar() == 1
    archive.close()
    assert len(list(folder.glob("archive.before-upgrade-*"))) == 2


def test_upgrade_needs_the_archive_for_itself(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """While another command runs, upgrade ends at once with exit code 11 and leaves no copy."""
    archive = Archive(folder)
    with archive.database.shared():
        with pytest.raises(Locked):
            upgrade(folder, migrations=later_program(tmp_path))
        assert main(["--archive", str(folder), "upgrade"]) == 11
    archive.close()
    assert "locked" in capsys.readouterr().err
    assert not list(folder.glob("archive.before-upgrade-*"))


def test_upgrade_is_an_administrators_act(folder: Path, tmp_path: Path) -> None:
    """Whoever is not an administrator is refused, and the archive stays as it was."""
    with sqlite3.connect(folder / "archive.db") as connection:
        connection.execute("UPDATE person_role SET ended_at = 1 WHERE role = 'administrator'")
    connection.close()
    with pytest.raises(Refused, match="administrator"):
        upgrade(folder, migrations=later_program(tmp_path))
    Archive(folder).close()


def test_upgrade_puts_lost_guards_back_and_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody dropped a guard: the command says that, keeps a copy as evidence, and installs it again."""
    with sqlite3.connect(folder / "archive.db") as connection:
        connection.execute("DROP TRIGGER guard_payload_delete")
    connection.close()
    assert main(["--archive", str(folder), "upgrade", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["guards_were_intact"] is False and Path(told["backup"]).exists()
    assert main(["--archive", str(folder), "upgrade", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    same = {"from": head(), "to": head(), "backup": None, "guards_were_intact": True}
    assert told == {"schema": "upgrade/1", "outcome": "ok", **same}


def test_upgrade_on_postgresql(tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same on PostgreSQL: the copy is pg_dump's; without it nothing happens until the person says there is one."""
    from tests.fixtures.postgres import installed_binaries

    folder = initialise(tmp_path / "archive", CITY, database=postgres_url).folder
    migrations = later_program(tmp_path)
    path = Path("/usr/bin:/bin") if installed_binaries() is None else installed_binaries()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refused, match="pg_dump"):
        upgrade(folder, migrations=migrations)
    engine = create_engine(postgres_url)
    assert version(engine) == head()
    monkeypatch.setenv("PATH", f"{path}:/usr/bin:/bin")
    done = upgrade(folder, migrations=migrations, backed_up=shutil.which("pg_dump") is None)
    assert done.now == version(engine) == "9999"
    if done.backup is not None:
        assert done.backup.read_bytes()[:5] == b"PGDMP" and stat.S_IMODE(done.backup.stat().st_mode) == 0o600
    with engine.connect() as connection:
        assert guards.found(connection) == guards.expected("postgresql")
    engine.dispose()


def test_a_partial_migration_leaves_no_guards_half_made() -> None:
    """Up to an older version only, there are no guards: such an archive is refused by every command anyway."""
    engine = sqlite_engine()
    with engine.begin() as connection:
        migrate(connection, versions()[0])
        assert "guard_" not in str(connection.exec_driver_sql("SELECT name FROM sqlite_master").all())


def test_opening_an_archive_does_not_load_alembic(folder: Path) -> None:
    """Searches start quickly: only creating and upgrading load it."""
    program = (
        "import sys; from pathlib import Path; from archiver.archive import Archive; "
        "Archive(Path(sys.argv[1])).close(); print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(folder)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_draft_finds_a_changed_vocabulary(tmp_path: Path) -> None:
    """A word added to a closed vocabulary changes a CHECK; the drafted migration replaces it."""
    from schema.db.migrations.draft import draft

    folder = tmp_path / "migrations"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    file = next((folder / "versions").glob("v0001_*.py"))
    file.write_text(file.read_text().replace("'elected', ", ""))
    written = draft("Elected officials", folder=folder).read_text()
    assert "drop_constraint" in written and "create_check_constraint" in written and "'elected'" in written
    engine = sqlite_engine()
    with engine.begin() as connection:
        migrate(connection, migrations=folder)
        assert "'elected'" in str(catalogue(connection)["custodian"]["checks"])
