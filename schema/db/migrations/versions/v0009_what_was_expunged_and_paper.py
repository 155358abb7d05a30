"""What was expunged of a record, edits after a destruction, records on paper."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Forward only: there is no way back but the copy that `archiver upgrade` makes."""
    op.create_table(
        "expunged_component",
        sa.Column(
            "component_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("disposition_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("expunged_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["disposition_id"], ["disposition.id"], name=op.f("fk_expunged_component_disposition_id_disposition")
        ),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name=op.f("fk_expunged_component_record_id_record")),
        sa.PrimaryKeyConstraint("component_id", name=op.f("pk_expunged_component")),
    )
    with op.batch_alter_table("expunged_component", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_expunged_component_record_id"), ["record_id"], unique=False)

    with op.batch_alter_table("record", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_record_changed_at"), ["changed_at"], unique=False)

    with op.batch_alter_table("tombstone", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("edited_again_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )

    op.create_table(
        "paper_record",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("disposition_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("series_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("payload_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("quantity", sa.String(length=60), nullable=False),
        sa.Column("from_on", sa.Date(), nullable=True),
        sa.Column("until_on", sa.Date(), nullable=True),
        sa.Column("destroyed_on", sa.Date(), nullable=False),
        sa.Column("entered_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("entered_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["disposition_id"], ["disposition.id"], name=op.f("fk_paper_record_disposition_id_disposition")
        ),
        sa.ForeignKeyConstraint(["entered_by"], ["person.id"], name=op.f("fk_paper_record_entered_by_person")),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_paper_record_series_id_series")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_record")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("paper_record", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_paper_record_disposition_id"), ["disposition_id"], unique=False)
