"""Dispositions, certificates, notices, backups."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Forward only: there is no way back but the copy that `archiver upgrade` makes."""
    op.create_table(
        "backup",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("taken_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("taken_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("place", sa.String(length=600), nullable=False),
        sa.Column("keys_place", sa.String(length=600), nullable=False),
        sa.Column("master_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("last_record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("manifest_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("removed_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("removed_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["master_id"], ["master.id"], name=op.f("fk_backup_master_id_master")),
        sa.ForeignKeyConstraint(["removed_by"], ["person.id"], name=op.f("fk_backup_removed_by_person")),
        sa.ForeignKeyConstraint(["taken_by"], ["person.id"], name=op.f("fk_backup_taken_by_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backup")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "restore",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("backup_taken_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("restored_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("confirmed_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("confirmed_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("reason_payload_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["confirmed_by"], ["person.id"], name=op.f("fk_restore_confirmed_by_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restore")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "transfer",
        sa.Column(
            "disposition_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("recipient", sa.String(length=200), nullable=False),
        sa.Column("keeps_copy", sa.Boolean(), nullable=False),
        sa.Column("offered_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("offered_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("accepted_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("acceptance", sa.String(length=200), nullable=True),
        sa.Column("not_public_agreed_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("sent_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("bag_digest", sa.LargeBinary(length=32), nullable=True),
        sa.Column("receipted_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("receipted_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("receipt", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(
            ["not_public_agreed_by"], ["person.id"], name=op.f("fk_transfer_not_public_agreed_by_person")
        ),
        sa.ForeignKeyConstraint(["offered_by"], ["person.id"], name=op.f("fk_transfer_offered_by_person")),
        sa.ForeignKeyConstraint(["receipted_by"], ["person.id"], name=op.f("fk_transfer_receipted_by_person")),
        sa.PrimaryKeyConstraint("disposition_id", name=op.f("pk_transfer")),
    )
    op.create_table(
        "hold_notice",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("hold_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("custodian_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("device_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("sent_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sent_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("answer", sa.String(length=40), nullable=True),
        sa.Column("answered_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("answered_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("answer_payload_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint(
            "answer IN ('deletion_off', 'no_automatic_deletion', 'nothing_on_it', 'already_lost', 'refused')",
            name=op.f("ck_hold_notice_answer"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_hold_notice_account_id_account")),
        sa.ForeignKeyConstraint(["answered_by"], ["person.id"], name=op.f("fk_hold_notice_answered_by_person")),
        sa.ForeignKeyConstraint(["custodian_id"], ["custodian.id"], name=op.f("fk_hold_notice_custodian_id_custodian")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_hold_notice_device_id_device")),
        sa.ForeignKeyConstraint(["hold_id"], ["hold.id"], name=op.f("fk_hold_notice_hold_id_hold")),
        sa.ForeignKeyConstraint(["sent_by"], ["person.id"], name=op.f("fk_hold_notice_sent_by_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold_notice")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("hold_notice", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_hold_notice_hold_id"), ["hold_id"], unique=False)

    op.create_table(
        "series_crosswalk",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("old_series_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("new_series_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("reason", sa.String(length=400), nullable=False),
        sa.Column("made_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("made_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["made_by"], ["person.id"], name=op.f("fk_series_crosswalk_made_by_person")),
        sa.ForeignKeyConstraint(
            ["new_series_id"], ["series.id"], name=op.f("fk_series_crosswalk_new_series_id_series")
        ),
        sa.ForeignKeyConstraint(
            ["old_series_id"], ["series.id"], name=op.f("fk_series_crosswalk_old_series_id_series")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series_crosswalk")),
        sa.UniqueConstraint(
            "old_series_id", "new_series_id", name=op.f("uq_series_crosswalk_old_series_id_new_series_id")
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "certificate",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("disposition_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("issued_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("issued_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("payload_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("signature", sa.LargeBinary(length=64), nullable=False),
        sa.Column("public_key", sa.LargeBinary(length=32), nullable=False),
        sa.CheckConstraint("kind IN ('destruction', 'transfer', 'expungement')", name=op.f("ck_certificate_kind")),
        sa.ForeignKeyConstraint(
            ["disposition_id"], ["disposition.id"], name=op.f("fk_certificate_disposition_id_disposition")
        ),
        sa.ForeignKeyConstraint(["issued_by"], ["person.id"], name=op.f("fk_certificate_issued_by_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificate")),
        sa.UniqueConstraint("number", name=op.f("uq_certificate_number")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("certificate", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_certificate_disposition_id"), ["disposition_id"], unique=False)

    op.create_table(
        "disposition_approval",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("disposition_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("as_deputy", sa.Boolean(), nullable=False),
        sa.Column("list_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("approved_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["disposition_id"], ["disposition.id"], name=op.f("fk_disposition_approval_disposition_id_disposition")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_disposition_approval_person_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disposition_approval")),
        sa.UniqueConstraint(
            "disposition_id", "person_id", name=op.f("uq_disposition_approval_disposition_id_person_id")
        ),
        sa.UniqueConstraint("disposition_id", "step", name=op.f("uq_disposition_approval_disposition_id_step")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "hold_clearance",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("disposition_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("hold_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("reason_payload_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("cleared_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["disposition_id"], ["disposition.id"], name=op.f("fk_hold_clearance_disposition_id_disposition")
        ),
        sa.ForeignKeyConstraint(["hold_id"], ["hold.id"], name=op.f("fk_hold_clearance_hold_id_hold")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_hold_clearance_person_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold_clearance")),
        sa.UniqueConstraint("disposition_id", "hold_id", name=op.f("uq_hold_clearance_disposition_id_hold_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "disposition_exception",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("disposition_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("why", sa.String(length=40), nullable=False),
        sa.Column("hold_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("noted_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.CheckConstraint(
            "why IN ('held', 'request_not_searched', 'retained', 'changed', 'hold_lifted_today', 'held_since_approval', 'hold_lifted', 'thread_not_due', 'not_due', 'series_changed', 'in_other_disposition', 'not_evaluated', 'destroyed_earlier')",
            name=op.f("ck_disposition_exception_why"),
        ),
        sa.ForeignKeyConstraint(
            ["disposition_id"], ["disposition.id"], name=op.f("fk_disposition_exception_disposition_id_disposition")
        ),
        sa.ForeignKeyConstraint(["hold_id"], ["hold.id"], name=op.f("fk_disposition_exception_hold_id_hold")),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name=op.f("fk_disposition_exception_record_id_record")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disposition_exception")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("disposition_exception", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_disposition_exception_disposition_id"), ["disposition_id"], unique=False)

    op.create_table(
        "official_copy",
        sa.Column(
            "record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("official_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("named_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("named_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["named_by"], ["person.id"], name=op.f("fk_official_copy_named_by_person")),
        sa.ForeignKeyConstraint(["official_id"], ["record.id"], name=op.f("fk_official_copy_official_id_record")),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_official_copy")),
    )
    with op.batch_alter_table("official_copy", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_official_copy_official_id"), ["official_id"], unique=False)

    with op.batch_alter_table("disposition", schema=None, table_kwargs={"sqlite_autoincrement": True}) as batch_op:
        batch_op.add_column(sa.Column("kind", sa.String(length=40), server_default="destroy", nullable=False))
        batch_op.add_column(sa.Column("due_until", sa.Date(), nullable=True))
        batch_op.add_column(
            sa.Column("reason_payload_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.add_column(sa.Column("list_digest", sa.LargeBinary(length=32), nullable=True))
        batch_op.add_column(sa.Column("schedule_digest", sa.LargeBinary(length=32), nullable=True))
        batch_op.add_column(sa.Column("resolution", sa.String(length=120), nullable=True))
        batch_op.add_column(sa.Column("executable_on", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("began_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
        batch_op.add_column(
            sa.Column("executed_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.add_column(
            sa.Column("destroyed_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.add_column(sa.Column("proven_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
        batch_op.add_column(sa.Column("level", sa.String(length=40), nullable=True))
        batch_op.add_column(
            sa.Column("marks_payload_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.add_column(sa.Column("proof", sa.Text(), nullable=True))
        batch_op.create_foreign_key(batch_op.f("fk_disposition_executed_by_person"), "person", ["executed_by"], ["id"])
        batch_op.create_check_constraint(
            batch_op.f("ck_disposition_kind"), "kind IN ('destroy', 'transfer', 'expunge')"
        )
        batch_op.create_check_constraint(batch_op.f("ck_disposition_level"), "level IN ('bytes', 'keys')")
        batch_op.drop_constraint(batch_op.f("ck_disposition_state"), type_="check")
        batch_op.create_check_constraint(
            batch_op.f("ck_disposition_state"),
            "state IN ('proposed', 'approved', 'executing', 'destroyed', 'proven', 'certified', 'halted', 'withdrawn')",
        )

    with op.batch_alter_table("disposition_record", schema=None) as batch_op:
        batch_op.add_column(sa.Column("due_on", sa.Date(), nullable=True))
        batch_op.add_column(
            sa.Column("changed_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.add_column(sa.Column("answer", sa.String(length=40), nullable=True))
        batch_op.add_column(
            sa.Column("answered_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.add_column(
            sa.Column("answered_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.add_column(sa.Column("left_why", sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column("left_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
        batch_op.add_column(
            sa.Column("destroyed_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.add_column(sa.Column("size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
        batch_op.create_index(
            "ix_disposition_record_waiting",
            ["disposition_id", "record_id"],
            unique=False,
            sqlite_where=sa.text("destroyed_at IS NULL AND left_at IS NULL"),
            postgresql_where=sa.text("destroyed_at IS NULL AND left_at IS NULL"),
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_disposition_record_answered_by_person"), "person", ["answered_by"], ["id"]
        )
        batch_op.create_check_constraint(batch_op.f("ck_disposition_record_answer"), "answer IN ('destroy', 'retain')")
        batch_op.create_check_constraint(
            batch_op.f("ck_disposition_record_left_why"),
            "left_why IN ('held', 'request_not_searched', 'retained', 'changed', 'hold_lifted_today', 'held_since_approval', 'hold_lifted', 'thread_not_due', 'not_due', 'series_changed', 'in_other_disposition', 'not_evaluated', 'destroyed_earlier')",
        )

    with op.batch_alter_table("hold", schema=None, table_kwargs={"sqlite_autoincrement": True}) as batch_op:
        batch_op.add_column(
            sa.Column("query_payload_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.add_column(sa.Column("families", sa.Boolean(), server_default="0", nullable=False))
        batch_op.create_index("ix_hold_in_force", ["state", "scope"], unique=False)
        batch_op.create_index("ix_hold_evaluated", ["state", "evaluated_to"], unique=False)
        batch_op.drop_constraint(batch_op.f("ck_hold_scope"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_hold_scope"), "scope IN ('preliminary', 'members', 'standing')")
        batch_op.drop_constraint(batch_op.f("ck_hold_kind"), type_="check")
        batch_op.create_check_constraint(
            batch_op.f("ck_hold_kind"),
            "kind IN ('request', 'closed_request', 'litigation', 'audit', 'investigation', 'personnel', 'court', 'state_wide', 'halt')",
        )

    with op.batch_alter_table("retention_event", schema=None, table_kwargs={"sqlite_autoincrement": True}) as batch_op:
        batch_op.add_column(
            sa.Column("observation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.add_column(
            sa.Column("withdrawn_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.alter_column("person_id", existing_type=sa.INTEGER(), nullable=True)
        batch_op.create_foreign_key(
            batch_op.f("fk_retention_event_observation_id_observation"), "observation", ["observation_id"], ["id"]
        )

    with op.batch_alter_table(
        "retention_schedule", schema=None, table_kwargs={"sqlite_autoincrement": True}
    ) as batch_op:
        batch_op.add_column(sa.Column("notified_on", sa.Date(), nullable=True))
        batch_op.add_column(
            sa.Column("superseded_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_retention_schedule_superseded_by_retention_schedule"),
            "retention_schedule",
            ["superseded_by"],
            ["id"],
        )

    with op.batch_alter_table("retention_tag", schema=None, table_kwargs={"sqlite_autoincrement": True}) as batch_op:
        batch_op.add_column(
            sa.Column("second_person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_retention_tag_second_person_id_person"), "person", ["second_person_id"], ["id"]
        )
        batch_op.create_index(
            "ix_retention_tag_history",
            ["record_id"],
            unique=False,
            sqlite_where=sa.text("ended_at IS NOT NULL"),
            postgresql_where=sa.text("ended_at IS NOT NULL"),
        )

    with op.batch_alter_table("series", schema=None, table_kwargs={"sqlite_autoincrement": True}) as batch_op:
        batch_op.add_column(sa.Column("classification", sa.String(length=300), nullable=True))
        batch_op.add_column(sa.Column("confirmed_page", sa.String(length=60), nullable=True))
        batch_op.add_column(sa.Column("confirmed_period", sa.String(length=600), nullable=True))
        batch_op.add_column(sa.Column("notified_on", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("keep_threads", sa.Boolean(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("ended_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
        batch_op.add_column(
            sa.Column("replaced_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.create_foreign_key(batch_op.f("fk_series_replaced_by_series"), "series", ["replaced_by"], ["id"])

    with op.batch_alter_table("derivation", schema=None, table_kwargs={"sqlite_autoincrement": True}) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_derivation_owner_kind"), type_="check")
        batch_op.create_check_constraint(
            batch_op.f("ck_derivation_owner_kind"),
            "owner_kind IN ('record', 'request', 'declaration', 'submission', 'batch', 'credential', 'event', 'hold', 'production', 'system', 'disposition', 'certificate', 'restore')",
        )

    with op.batch_alter_table("owner_key", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_owner_key_owner_kind"), type_="check")
        batch_op.create_check_constraint(
            batch_op.f("ck_owner_key_owner_kind"),
            "owner_kind IN ('record', 'request', 'declaration', 'submission', 'batch', 'credential', 'event', 'hold', 'production', 'system', 'disposition', 'certificate', 'restore')",
        )

    with op.batch_alter_table("payload", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_payload_owner_kind"), type_="check")
        batch_op.create_check_constraint(
            batch_op.f("ck_payload_owner_kind"),
            "owner_kind IN ('record', 'request', 'declaration', 'submission', 'batch', 'credential', 'event', 'hold', 'production', 'system', 'disposition', 'certificate', 'restore')",
        )

    op.execute(
        "INSERT INTO series (key, code, title, retention_text, period_kind, trigger, action, title_verified,"
        " period_verified, trigger_verified) SELECT 'own:backup', '', 'Backups and restores',"
        " 'kept until a records officer assigns a period', 'unknown', 'none', 'retain', FALSE, FALSE, FALSE"
        " WHERE EXISTS (SELECT 1 FROM series)"
    )
