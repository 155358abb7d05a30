"""What all tables share: naming of constraints, ids, times, closed vocabularies."""

from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Integer, LargeBinary, MetaData, String
from sqlalchemy.types import TypeEngine

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Big: TypeEngine[int] = BigInteger().with_variant(Integer(), "sqlite")
"""64-bit integer: ids, and times in milliseconds since 1970-01-01 UTC."""


def id_column() -> Column[int]:
    """A 64-bit id that is never reused."""
    return Column("id", Big, primary_key=True, autoincrement=True)


def block_id_column() -> Column[int]:
    """A 64-bit id taken from a reserved block (`id_block`), for rows that are sealed before they are written."""
    return Column("id", Big, primary_key=True, autoincrement=False)


def refers(name: str, target: str, *, nullable: bool = False, index: bool = False) -> Column[int]:
    """A reference to another table's id."""
    return Column(name, Big, ForeignKey(target), nullable=nullable, index=index)


def at(name: str, *, nullable: bool = False) -> Column[int]:
    """A moment: milliseconds since 1970-01-01 UTC."""
    return Column(name, Big, nullable=nullable)


def digest(name: str, *, nullable: bool = False, unique: bool = False, index: bool = False) -> Column[bytes]:
    """32 bytes of SHA-256 or HMAC-SHA-256."""
    return Column(name, LargeBinary(32), nullable=nullable, unique=unique, index=index)


def choice(
    name: str, vocabulary: type[StrEnum], *, nullable: bool = False, default: StrEnum | None = None
) -> Column[str]:
    """Text restricted to a closed vocabulary by a CHECK."""
    values = ", ".join(f"'{value.value}'" for value in vocabulary)
    return Column(
        name,
        String(40),
        CheckConstraint(f"{name} IN ({values})", name=name),
        nullable=nullable,
        server_default=default.value if default is not None else None,
    )
