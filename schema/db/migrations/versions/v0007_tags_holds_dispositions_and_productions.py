"""Tags, holds, dispositions and productions."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Forward only: there is no way back but the copy that `archiver upgrade` makes."""
    op.create_table(
        "disposition_record",
        sa.Column(
            "disposition_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.PrimaryKeyConstraint("disposition_id", "record_id", name=op.f("pk_disposition_record")),
    )
    with op.batch_alter_table("disposition_record", schema=None) as batch_op:
        batch_op.create_index("ix_disposition_record_record_id", ["record_id"], unique=False)

    op.create_table(
        "hold_member",
        sa.Column("hold_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column(
            "record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("added_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("hold_id", "record_id", name=op.f("pk_hold_member")),
    )
    with op.batch_alter_table("hold_member", schema=None) as batch_op:
        batch_op.create_index("ix_hold_member_record_id", ["record_id"], unique=False)

    op.create_table(
        "hold_source",
        sa.Column("hold_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column(
            "source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.PrimaryKeyConstraint("hold_id", "source_id", name=op.f("pk_hold_source")),
    )
    op.create_table(
        "hold",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("scope", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("matter", sa.String(length=200), nullable=False),
        sa.Column("reason_payload_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("request_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("sent_since", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("sent_until", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("placed_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("placed_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("until_on", sa.Date(), nullable=True),
        sa.Column("lifted_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("lifted_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("evaluated_to", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint(
            "kind IN ('request', 'closed_request', 'litigation', 'audit', 'investigation', 'personnel', 'court', 'state_wide')",
            name=op.f("ck_hold_kind"),
        ),
        sa.CheckConstraint("scope IN ('preliminary', 'members')", name=op.f("ck_hold_scope")),
        sa.CheckConstraint("state IN ('placing', 'active', 'lifted')", name=op.f("ck_hold_state")),
        sa.ForeignKeyConstraint(["lifted_by"], ["person.id"], name=op.f("fk_hold_lifted_by_person")),
        sa.ForeignKeyConstraint(["placed_by"], ["person.id"], name=op.f("fk_hold_placed_by_person")),
        sa.ForeignKeyConstraint(["request_id"], ["data_request.id"], name=op.f("fk_hold_request_id_data_request")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("hold", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_hold_request_id"), ["request_id"], unique=False)

    op.create_table(
        "production",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("number", sa.String(length=30), nullable=False),
        sa.Column("request_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("public_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("seed_payload_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("built_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("built_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["built_by"], ["person.id"], name=op.f("fk_production_built_by_person")),
        sa.ForeignKeyConstraint(
            ["request_id"], ["data_request.id"], name=op.f("fk_production_request_id_data_request")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_production")),
        sa.UniqueConstraint("number", name=op.f("uq_production_number")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("production", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_production_request_id"), ["request_id"], unique=False)

    op.create_table(
        "disposition",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("series_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("proposed_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("proposed_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("approved_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("approved_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("certificate", sa.String(length=20), nullable=True),
        sa.CheckConstraint(
            "state IN ('proposed', 'approved', 'executing', 'certified', 'halted')", name=op.f("ck_disposition_state")
        ),
        sa.ForeignKeyConstraint(["approved_by"], ["person.id"], name=op.f("fk_disposition_approved_by_person")),
        sa.ForeignKeyConstraint(["proposed_by"], ["person.id"], name=op.f("fk_disposition_proposed_by_person")),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_disposition_series_id_series")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disposition")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "retention_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("trigger", sa.String(length=40), nullable=False),
        sa.Column("happened_on", sa.Date(), nullable=False),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("recorded_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.CheckConstraint(
            "trigger IN ('created', 'received_or_sent', 'last_changed', 'action_completed', 'superseded', 'fiscal_year_end', 'calendar_year_end', 'separation', 'case_closed', 'resolved', 'removed_from_public_view', 'volunteer_period_end', 'none')",
            name=op.f("ck_retention_event_trigger"),
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_retention_event_person_id_person")),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name=op.f("fk_retention_event_record_id_record")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retention_event")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("retention_event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_retention_event_record_id"), ["record_id"], unique=False)

    op.create_table(
        "retention_tag",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("series_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("rule_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("reason", sa.String(length=60), nullable=False),
        sa.Column("trigger_on", sa.Date(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("tagged_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ended_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_retention_tag_person_id_person")),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name=op.f("fk_retention_tag_record_id_record")),
        sa.ForeignKeyConstraint(
            ["rule_id"], ["classification_rule.id"], name=op.f("fk_retention_tag_rule_id_classification_rule")
        ),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_retention_tag_series_id_series")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retention_tag")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("retention_tag", schema=None) as batch_op:
        batch_op.create_index("ix_retention_tag_due", ["series_id", "due_on"], unique=False)
        batch_op.create_index(
            "uq_retention_tag_current",
            ["record_id"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.create_table(
        "production_entry",
        sa.Column(
            "production_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("candidate_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["candidate_id"], ["candidate.id"], name=op.f("fk_production_entry_candidate_id_candidate")
        ),
        sa.PrimaryKeyConstraint("production_id", "number", name=op.f("pk_production_entry")),
    )
