"""Request files: what was found elsewhere for a request (police report, permit, scan), sealed and numbered with it."""

import mimetypes
import os
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import insert
from sqlalchemy.orm import Session

from archiver.access import Actor, require
from archiver.archive import Archive
from archiver.data_requests.register import open_row, owner_of
from archiver.database import reserve
from archiver.errors import UsageError
from archiver.vault.objects import StoredObject
from archiver.vault.payloads import ROW_LIMIT, keep_text, seal_object, seal_row, write_rows
from schema.db.requests import candidate, request_file
from schema.vocab import Role

_CHUNK = 1 << 20


def spool(archive: Archive, path: Path) -> bytes | StoredObject:
    """Read a file before the transaction: small ones as bytes, large ones sealed as an object.

    Raises UsageError where it cannot be read, OSError where the archive's own disk fails.
    """
    try:
        if not path.is_file():  # a pipe or device would never end
            raise UsageError(problem=f"{path} is not a file")
        if path.stat().st_size <= ROW_LIMIT:
            return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from None
    return archive.vault.objects.write(_chunks(path))


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> UsageError:
    return UsageError(problem=f"{path} cannot be read: {error.strerror or error}")


def check_may_add(session: Session, actor: Actor, number: str) -> str:
    """Whether a file may be added, before a large one is read; returns the number.  Raises NotFound, Refused."""
    require(actor, Role.CLERK, Role.DEPARTMENT_REVIEWER)
    return str(open_row(session, number)["number"])


def add_file(
    archive: Archive, session: Session, actor: Actor, number: str, name: str, content: bytes | StoredObject
) -> int:
    """Add a file to a request as one of its candidates; returns its id.  Raises NotFound, Refused."""
    require(actor, Role.CLERK, Role.DEPARTMENT_REVIEWER)
    row = open_row(session, number)
    name = os.fsencode(name).decode("utf-8", "replace")  # a name on disk may be no text
    owner = owner_of(archive, session, row)
    payload_id = reserve(session, "payload", 1)
    if isinstance(content, StoredObject):
        sealed, size = seal_object(owner, payload_id, content), content.size
    else:
        sealed, size = seal_row(owner, payload_id, content), len(content)
    write_rows(session, [sealed])
    values = {
        "request_id": row["id"],
        "name_payload_id": keep_text(session, archive.vault, owner, name),
        "payload_id": payload_id,
        "media_type": mimetypes.guess_type(name)[0] or "application/octet-stream",
        "size": size,
        "digest": sealed.digest,
        "added_at": archive.now(),
        "added_by": actor.id,
    }
    new = int(session.execute(insert(request_file).values(values).returning(request_file.c.id)).scalar_one())
    session.execute(insert(candidate).values(request_id=row["id"], request_file_id=new, version=1))
    archive.record_act(
        session, "request.file", "data_request", row["id"], actor_id=actor.id, facts={"file": new, "size": size}
    )
    return new
