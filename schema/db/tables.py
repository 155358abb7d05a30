"""Every table, loaded: `metadata` is complete once this module is imported."""

from schema.db import (
    audit,
    backup,
    capture,
    city,
    dispose,
    hold,
    index,
    jobs,
    people,
    produce,
    record,
    requests,
    retain,
    sources,
    vault,
)
from schema.db.base import metadata

FAMILIES = (
    audit,
    backup,
    capture,
    city,
    dispose,
    hold,
    index,
    jobs,
    people,
    produce,
    record,
    requests,
    retain,
    sources,
    vault,
)

__all__ = ["FAMILIES", "metadata"]
