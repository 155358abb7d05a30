"""${message}."""

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Forward only: there is no way back but the copy that `archiver upgrade` makes."""
    ${upgrades if upgrades else "pass"}
