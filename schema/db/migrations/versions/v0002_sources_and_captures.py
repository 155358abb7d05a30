"""Sources and captures."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Forward only: there is no way back but the copy that `archiver upgrade` makes."""
    op.create_table(
        "lease",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("holder", sa.String(length=100), nullable=False),
        sa.Column("until", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )
    op.create_table(
        "account",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("platform", sa.String(length=40), nullable=False),
        sa.Column("ownership", sa.String(length=40), nullable=False),
        sa.Column("custodian_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("handle", sa.String(length=320), nullable=True),
        sa.Column("added_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ended_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint("ownership IN ('city', 'personal', 'merged')", name=op.f("ck_account_ownership")),
        sa.CheckConstraint(
            "platform IN ('email', 'sms', 'call_log', 'feed', 'website', 'newsletter', 'wiki', 'mastodon', 'bluesky', 'facebook', 'instagram', 'threads', 'x', 'youtube', 'linkedin', 'pinterest', 'tiktok', 'tumblr', 'google_plus', 'wordpress', 'legistar', 'imessage', 'whatsapp', 'signal', 'telegram', 'slack', 'teams', 'camera', 'files', 'other')",
            name=op.f("ck_account_platform"),
        ),
        sa.ForeignKeyConstraint(["custodian_id"], ["custodian.id"], name=op.f("fk_account_custodian_id_custodian")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("name", name=op.f("uq_account_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "device",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("ownership", sa.String(length=40), nullable=False),
        sa.Column("custodian_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("number", sa.String(length=40), nullable=True),
        sa.Column("added_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ended_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint("kind IN ('phone', 'computer', 'drive', 'camera')", name=op.f("ck_device_kind")),
        sa.CheckConstraint("ownership IN ('city', 'personal', 'merged')", name=op.f("ck_device_ownership")),
        sa.ForeignKeyConstraint(["custodian_id"], ["custodian.id"], name=op.f("fk_device_custodian_id_custodian")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device")),
        sa.UniqueConstraint("name", name=op.f("uq_device_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "declaration",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("custodian_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("device_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("text_payload_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("declared_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("declared_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("decided_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("decided_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint("state IN ('pending', 'approved', 'withdrawn')", name=op.f("ck_declaration_state")),
        sa.CheckConstraint("(account_id IS NULL) <> (device_id IS NULL)", name=op.f("ck_declaration_one_subject")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_declaration_account_id_account")),
        sa.ForeignKeyConstraint(["custodian_id"], ["custodian.id"], name=op.f("fk_declaration_custodian_id_custodian")),
        sa.ForeignKeyConstraint(["decided_by"], ["person.id"], name=op.f("fk_declaration_decided_by_person")),
        sa.ForeignKeyConstraint(["declared_by"], ["person.id"], name=op.f("fk_declaration_declared_by_person")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_declaration_device_id_device")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_declaration")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "declaration_rule",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("declaration_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("payload_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["declaration_id"], ["declaration.id"], name=op.f("fk_declaration_rule_declaration_id_declaration")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_declaration_rule")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("declaration_rule", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_declaration_rule_declaration_id"), ["declaration_id"], unique=False)

    op.create_table(
        "source",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("connector", sa.String(length=60), nullable=False),
        sa.Column("platform", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("device_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("declaration_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("data_class", sa.String(length=40), nullable=False),
        sa.Column("active", sa.Boolean(), server_default="1", nullable=False),
        sa.Column("added_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("added_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("removed_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint(
            "data_class IN ('unclassified', 'public', 'private', 'confidential', 'nonpublic', 'protected_nonpublic', 'closed', 'exempt')",
            name=op.f("ck_source_data_class"),
        ),
        sa.CheckConstraint(
            "platform IN ('email', 'sms', 'call_log', 'feed', 'website', 'newsletter', 'wiki', 'mastodon', 'bluesky', 'facebook', 'instagram', 'threads', 'x', 'youtube', 'linkedin', 'pinterest', 'tiktok', 'tumblr', 'google_plus', 'wordpress', 'legistar', 'imessage', 'whatsapp', 'signal', 'telegram', 'slack', 'teams', 'camera', 'files', 'other')",
            name=op.f("ck_source_platform"),
        ),
        sa.CheckConstraint("account_id IS NULL OR device_id IS NULL", name=op.f("ck_source_one_subject")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_source_account_id_account")),
        sa.ForeignKeyConstraint(["added_by"], ["person.id"], name=op.f("fk_source_added_by_person")),
        sa.ForeignKeyConstraint(
            ["declaration_id"], ["declaration.id"], name=op.f("fk_source_declaration_id_declaration")
        ),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_source_device_id_device")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source")),
        sa.UniqueConstraint("name", name=op.f("uq_source_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "capture",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("started_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ended_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("outcome", sa.String(length=40), nullable=True),
        sa.Column("connector_version", sa.String(length=60), nullable=False),
        sa.Column("seen", sa.Integer(), server_default="0", nullable=False),
        sa.Column("new_records", sa.Integer(), server_default="0", nullable=False),
        sa.Column("new_versions", sa.Integer(), server_default="0", nullable=False),
        sa.Column("unchanged", sa.Integer(), server_default="0", nullable=False),
        sa.Column("out_of_scope", sa.Integer(), server_default="0", nullable=False),
        sa.Column("destroyed_earlier", sa.Integer(), server_default="0", nullable=False),
        sa.Column("unreadable", sa.Integer(), server_default="0", nullable=False),
        sa.Column("missing", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error_code", sa.String(length=60), nullable=True),
        sa.Column("error_payload_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("warnings", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint(
            "outcome IN ('ok', 'warnings', 'partial', 'failed', 'refused')", name=op.f("ck_capture_outcome")
        ),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_capture_source_id_source")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_capture")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("capture", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_capture_source_id"), ["source_id"], unique=False)

    op.create_table(
        "credential",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("reference", sa.String(length=400), nullable=True),
        sa.Column("payload_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("set_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_credential_source_id_source")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credential")),
        sa.UniqueConstraint("source_id", "name", name=op.f("uq_credential_source_id_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "cursor",
        sa.Column(
            "source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("capture_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["capture_id"], ["capture.id"], name=op.f("fk_cursor_capture_id_capture")),
        sa.PrimaryKeyConstraint("source_id", name=op.f("pk_cursor")),
    )
    op.create_table(
        "gap",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("capture_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("since", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("until", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("reason", sa.String(length=400), nullable=False),
        sa.Column("found_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["capture_id"], ["capture.id"], name=op.f("fk_gap_capture_id_capture")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_gap_source_id_source")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gap")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("gap", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_gap_source_id"), ["source_id"], unique=False)
