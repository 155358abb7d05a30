"""Records."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Forward only: there is no way back but the copy that `archiver upgrade` makes."""
    op.create_table(
        "party",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.CheckConstraint("kind IN ('phone', 'email', 'handle', 'name')", name=op.f("ck_party_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_party")),
        sa.UniqueConstraint("key", name=op.f("uq_party_key")),
    )
    op.create_table(
        "record_party",
        sa.Column(
            "record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "party_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.CheckConstraint(
            "role IN ('author', 'to', 'cc', 'bcc', 'participant', 'mentioned')", name=op.f("ck_record_party_role")
        ),
        sa.PrimaryKeyConstraint("record_id", "party_id", name=op.f("pk_record_party")),
    )
    with op.batch_alter_table("record_party", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_record_party_party_id"), ["party_id"], unique=False)

    op.create_table(
        "tombstone",
        sa.Column(
            "record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("native_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("series_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sent_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("captured_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("destroyed_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("certificate", sa.String(length=20), nullable=True),
        sa.Column("seen_again_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_tombstone_series_id_series")),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_tombstone")),
        sa.UniqueConstraint("native_key", name=op.f("uq_tombstone_native_key")),
    )
    op.create_table(
        "thread",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_thread_source_id_source")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_thread")),
        sa.UniqueConstraint("key", name=op.f("uq_thread_key")),
    )
    op.create_table(
        "record",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("native_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("thread_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("sent_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("offset_min", sa.Integer(), nullable=True),
        sa.Column("precision", sa.String(length=40), nullable=False),
        sa.Column("direction", sa.String(length=40), nullable=False),
        sa.Column("visibility", sa.String(length=40), nullable=False),
        sa.Column("message_key", sa.LargeBinary(length=32), nullable=True),
        sa.Column("versions", sa.Integer(), nullable=False),
        sa.Column("first_capture_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("captured_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("changed_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seen_capture_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seen_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("missing_since", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("gone_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("hidden", sa.Boolean(), nullable=True),
        sa.Column("destroyed_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint("direction IN ('sent', 'received', 'unknown')", name=op.f("ck_record_direction")),
        sa.CheckConstraint(
            "kind IN ('email', 'message', 'call', 'post', 'reply', 'repost', 'reaction', 'comment', 'article', 'page', 'photo', 'video', 'file', 'unreadable')",
            name=op.f("ck_record_kind"),
        ),
        sa.CheckConstraint("precision IN ('second', 'minute', 'day', 'unknown')", name=op.f("ck_record_precision")),
        sa.CheckConstraint(
            "visibility IN ('public', 'unlisted', 'followers', 'direct', 'private', 'unknown')",
            name=op.f("ck_record_visibility"),
        ),
        sa.ForeignKeyConstraint(["first_capture_id"], ["capture.id"], name=op.f("fk_record_first_capture_id_capture")),
        sa.ForeignKeyConstraint(["seen_capture_id"], ["capture.id"], name=op.f("fk_record_seen_capture_id_capture")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_record_source_id_source")),
        sa.ForeignKeyConstraint(["thread_id"], ["thread.id"], name=op.f("fk_record_thread_id_thread")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_record")),
        sa.UniqueConstraint("native_key", name=op.f("uq_record_native_key")),
    )
    with op.batch_alter_table("record", schema=None) as batch_op:
        batch_op.create_index(
            "ix_record_destroyed",
            ["id"],
            unique=False,
            sqlite_where=sa.text("destroyed_at IS NOT NULL"),
            postgresql_where=sa.text("destroyed_at IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_record_message_key"), ["message_key"], unique=False)
        batch_op.create_index("ix_record_source_seen", ["source_id", "seen_capture_id"], unique=False)
        batch_op.create_index("ix_record_source_sent", ["source_id", "sent_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_record_thread_id"), ["thread_id"], unique=False)

    op.create_table(
        "observation",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("since", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("observed_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("capture_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("evidence", sa.String(length=120), nullable=True),
        sa.CheckConstraint(
            "kind IN ('seen', 'edited', 'hidden', 'unhidden', 'missing', 'gone')", name=op.f("ck_observation_kind")
        ),
        sa.ForeignKeyConstraint(["capture_id"], ["capture.id"], name=op.f("fk_observation_capture_id_capture")),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name=op.f("fk_observation_record_id_record")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_observation")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("observation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_observation_record_id"), ["record_id"], unique=False)

    op.create_table(
        "version",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("match", sa.LargeBinary(length=32), nullable=True),
        sa.Column("mark", sa.LargeBinary(length=32), nullable=True),
        sa.Column("capture_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("captured_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("edited_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.ForeignKeyConstraint(["capture_id"], ["capture.id"], name=op.f("fk_version_capture_id_capture")),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name=op.f("fk_version_record_id_record")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_version")),
        sa.UniqueConstraint("record_id", "number", name=op.f("uq_version_record_id_number")),
    )
    op.create_table(
        "component",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("version_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("payload_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("media_type", sa.String(length=120), nullable=False),
        sa.Column("size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.CheckConstraint("role IN ('body', 'attachment', 'raw')", name=op.f("ck_component_role")),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name=op.f("fk_component_record_id_record")),
        sa.ForeignKeyConstraint(["version_id"], ["version.id"], name=op.f("fk_component_version_id_version")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_component")),
    )
    with op.batch_alter_table("component", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_component_record_id"), ["record_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_component_version_id"), ["version_id"], unique=False)
