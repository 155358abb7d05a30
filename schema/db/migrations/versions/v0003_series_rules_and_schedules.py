"""Series, rules and schedules."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Forward only: there is no way back but the copy that `archiver upgrade` makes."""
    op.create_table(
        "retention_schedule",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("edition", sa.String(length=60), nullable=False),
        sa.Column("jurisdiction", sa.String(length=20), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("version", sa.String(length=300), nullable=False),
        sa.Column("adopted_on", sa.Date(), nullable=False),
        sa.Column("adopted_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("superseded_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["adopted_by"], ["person.id"], name=op.f("fk_retention_schedule_adopted_by_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retention_schedule")),
        sa.UniqueConstraint("edition", name=op.f("uq_retention_schedule_edition")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "series",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("schedule_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("key", sa.String(length=160), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("retention_text", sa.String(length=600), nullable=False),
        sa.Column("period_kind", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("unit", sa.String(length=40), nullable=True),
        sa.Column("trigger", sa.String(length=40), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("statute", sa.String(length=300), nullable=True),
        sa.Column("title_verified", sa.Boolean(), nullable=False),
        sa.Column("period_verified", sa.Boolean(), nullable=False),
        sa.Column("trigger_verified", sa.Boolean(), nullable=False),
        sa.Column("confirmed_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("confirmed_on", sa.Date(), nullable=True),
        sa.Column("confirmed_edition", sa.String(length=200), nullable=True),
        sa.CheckConstraint(
            "action IN ('destroy', 'destroy_not_public_securely', 'transfer_archives', 'transfer_archives_for_appraisal', 'retain', 'review')",
            name=op.f("ck_series_action"),
        ),
        sa.CheckConstraint(
            "period_kind IN ('duration', 'until_event', 'until_superseded', 'until_obsolete', 'until_read', 'permanent', 'unknown')",
            name=op.f("ck_series_period_kind"),
        ),
        sa.CheckConstraint(
            "trigger IN ('created', 'received_or_sent', 'last_changed', 'action_completed', 'superseded', 'fiscal_year_end', 'calendar_year_end', 'separation', 'case_closed', 'resolved', 'removed_from_public_view', 'volunteer_period_end', 'none')",
            name=op.f("ck_series_trigger"),
        ),
        sa.CheckConstraint(
            "unit IN ('business_day', 'day', 'month', 'year', 'fiscal_year', 'calendar_year', 'anniversary_year')",
            name=op.f("ck_series_unit"),
        ),
        sa.ForeignKeyConstraint(["confirmed_by"], ["person.id"], name=op.f("fk_series_confirmed_by_person")),
        sa.ForeignKeyConstraint(
            ["schedule_id"], ["retention_schedule.id"], name=op.f("fk_series_schedule_id_retention_schedule")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series")),
        sa.UniqueConstraint("key", name=op.f("uq_series_key")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "classification_rule",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("series_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("conditions", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(length=400), nullable=False),
        sa.Column("ended_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_classification_rule_series_id_series")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_classification_rule")),
        sa.UniqueConstraint("edition", "position", name=op.f("uq_classification_rule_edition_position")),
        sqlite_autoincrement=True,
    )
