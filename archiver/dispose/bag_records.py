"""What a bag holds of each record: every part of every version as it was captured, and a line that describes it."""

import json
import mimetypes
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import RowMapping, select
from sqlalchemy.orm import Session

from archiver.accession.content import unpacked
from archiver.accession.show import expunged_components, source_of
from archiver.archive import Archive
from archiver.clock import iso
from archiver.dispose.bag import Bag
from archiver.errors import VerificationFailed
from archiver.vault import Owner
from archiver.vault.payloads import open_row
from archiver.vault.sealing import SealBroken
from schema.db.capture import capture
from schema.db.record import component, observation, record, version
from schema.db.retain import retention_schedule, retention_tag, series
from schema.db.sources import source
from schema.db.vault import payload
from schema.vocab import ComponentRole, DataClass, OwnerKind

BATCH = 50
"""Records whose facts and small contents are in memory at a time."""

LINES = "records.jsonl"
_SUFFIX = re.compile(r"[A-Za-z0-9]{1,8}")
_GUESSED = {"message/rfc822": "eml", "application/json": "json", "text/plain": "txt"}
_OWN = ("kind", "direction", "visibility", "offset_min", "precision", "hidden")
_TIMES = ("sent_at", "captured_at", "missing_since", "gone_at")

README = """What this bag holds
===================
data/records.jsonl   one line of JSON for each record (UTF-8)
data/records/        the parts of the records: records/GROUP/R12/v1/02-attachment.pdf is part 2 of version 1 of R12

Each line (`"schema": "transferred-record/1"`) has
  record, folder        the number that the archive gave the record, and where its parts lie
  source                from which account or device it was read, whose it is, under which declaration
  kind, direction, visibility, hidden, thread
  sent_at, offset_min, precision, captured_at, missing_since, gone_at    times in UTC; offset of the sender in minutes
  series                key, code, title, edition of the schedule, period as written there
  trigger_on, due_on    the day that began the period, and the day on which the record became due
  data_class, restricted    the class of the data of its source; restricted: it is not public
  parties, title        as the source states them
  observations          what was seen of the record at its source: seen, edited, hidden, missing, gone
  versions              every state, oldest first: when it was captured, by which run and program, from where, and its
                        parts with role, original name, media type, size in bytes, SHA-256, and the salted digest
                        under which the archive's log and certificates know the part.  A part that was expunged by an
                        order has no path.
The body of a version (role "body") is JSON: all that the source stated, readable without any program of ours; "raw"
is what was received, byte for byte.
"""


_Part = tuple[RowMapping, RowMapping | None]
"""The row of a component, and its sealed content unless it was expunged."""


@dataclass(slots=True)
class Written:
    """What was written so far; restricted: records that hold data that is not public, by its class."""

    records: int = 0
    restricted: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A record in memory, with the sealed rows of its parts; what lies in objects is read later, in segments."""

    line: dict[str, Any]
    group: str
    owner: Owner
    versions: tuple[tuple[dict[str, Any], tuple[_Part, ...]], ...]


def write_records(archive: Archive, bag: Bag, chunks: Iterable[Sequence[int]]) -> Iterator[Written]:
    """Write records into a bag; yields what was written after each chunk of ids (at most `BATCH`).

    Raises VerificationFailed where something is not as it was sealed: a bag never holds less than the record.
    """
    done = Written()
    sources: dict[int, dict[str, Any]] = {}
    bag.add("README.txt", [README.encode()])
    with bag.new(LINES) as lines:
        for ids in chunks:
            with archive.reading() as session:
                loaded = _load(archive, session, ids, sources)
            for one in loaded:
                _write(archive, bag, one)
                lines.write(_as_line(one.line))
                done.records += 1
                if one.line["restricted"]:
                    done.restricted[one.line["data_class"]] += 1
            yield done


def _as_line(fields: Mapping[str, Any]) -> bytes:
    return (json.dumps(fields, sort_keys=True) + "\n").encode()


def _load(archive: Archive, session: Session, ids: Sequence[int], sources: dict[int, dict[str, Any]]) -> list[_Loaded]:
    facts = _facts(session, ids)
    owners = archive.vault.owners(session, OwnerKind.RECORD, ids)
    if lost := [one for one in ids if one not in facts or one not in owners]:
        raise VerificationFailed(problem=f"the content of R{lost[0]} is missing")
    gone = expunged_components(session, ids)
    observed = _observed(session, ids)
    parts = _parts(session, ids, gone)
    states: dict[int, list[Any]] = {one: [] for one in ids}
    for row in session.execute(
        select(version, capture.c.started_at, capture.c.outcome, capture.c.connector_version)
        .join(capture, capture.c.id == version.c.capture_id)
        .where(version.c.record_id.in_(ids))
        .order_by(version.c.record_id, version.c.number)
    ).mappings():
        states[row["record_id"]].append((_version(row), tuple(parts.get(row["id"], ()))))
    loaded = []
    for one in ids:
        row = facts[one]
        if row["source_id"] not in sources:
            sources[row["source_id"]] = _plain(source_of(session, row["source_id"]))
        line = _line(row, sources[row["source_id"]], observed.get(one, []))
        loaded.append(_Loaded(line, f"{one // 1000:06d}", owners[one], tuple(states[one])))
    return loaded


def _parts(session: Session, ids: Sequence[int], gone: Collection[int]) -> dict[int, list[_Part]]:
    """The parts of records by version, in order; a part without a sealed row was expunged."""
    rows = session.execute(
        select(component).where(component.c.record_id.in_(ids)).order_by(component.c.position)
    ).mappings()
    mine = rows.all()
    chosen = select(payload).where(payload.c.owner_kind == OwnerKind.RECORD.value, payload.c.owner_id.in_(ids))
    sealed = {row["id"]: row for row in session.execute(chosen).mappings()}
    parts: dict[int, list[_Part]] = {}
    for one in mine:
        if one["payload_id"] not in sealed and one["id"] not in gone:
            raise VerificationFailed(problem=f"the content of R{one['record_id']} is missing")
        parts.setdefault(one["version_id"], []).append((one, sealed.get(one["payload_id"])))
    return parts


def _facts(session: Session, ids: Sequence[int]) -> dict[int, RowMapping]:
    own = [record.c[name] for name in ("id", "source_id", "thread_id", *_OWN, *_TIMES)]
    tagged = [retention_tag.c.trigger_on, retention_tag.c.due_on, series.c.key, series.c.code, series.c.title]
    rows = session.execute(
        select(*own, *tagged, series.c.retention_text, retention_schedule.c.edition, source.c.data_class)
        .join(source, source.c.id == record.c.source_id)
        .join(retention_tag, (retention_tag.c.record_id == record.c.id) & retention_tag.c.ended_at.is_(None))
        .join(series, series.c.id == retention_tag.c.series_id)
        .join(retention_schedule, retention_schedule.c.id == series.c.schedule_id, isouter=True)
        .where(record.c.id.in_(ids), record.c.destroyed_at.is_(None))
    ).mappings()
    return {row["id"]: row for row in rows}


def _observed(session: Session, ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    chosen = select(observation).where(observation.c.record_id.in_(ids)).order_by(observation.c.id)
    for row in session.execute(chosen).mappings():
        seen = {"since": iso(row["since"]), "observed_at": iso(row["observed_at"])}
        one = {"kind": row["kind"], **seen, "capture": row["capture_id"], "evidence": row["evidence"]}
        found.setdefault(row["record_id"], []).append(one)
    return found


def _line(row: RowMapping, custody: Mapping[str, Any], observed: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    number = f"R{row['id']}"
    return {
        "schema": "transferred-record/1",
        "record": number,
        "folder": f"data/records/{row['id'] // 1000:06d}/{number}",
        "source": custody,
        "thread": row["thread_id"],
        **{name: row[name] for name in _OWN},
        **{name: iso(row[name]) for name in _TIMES},
        "series": {name: row[name] for name in ("key", "code", "title", "edition", "retention_text")},
        "trigger_on": row["trigger_on"].isoformat() if row["trigger_on"] else None,
        "due_on": row["due_on"].isoformat() if row["due_on"] else None,
        "data_class": row["data_class"],
        "restricted": row["data_class"] != DataClass.PUBLIC.value,
        "observations": observed,
    }


def _version(row: RowMapping) -> dict[str, Any]:
    return {
        "number": row["number"],
        "captured_at": iso(row["captured_at"]),
        "edited_at": iso(row["edited_at"]),
        "digest": row["digest"].hex(),
        "capture": {
            "id": row["capture_id"],
            "started_at": iso(row["started_at"]),
            "outcome": row["outcome"],
            "program": row["connector_version"],
        },
    }


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Custody with its moments as ISO 8601."""
    plain: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, Mapping):
            plain[name] = _plain(value)
        elif name.endswith("_at"):
            plain[name] = iso(value)
        else:
            plain[name] = value.isoformat() if hasattr(value, "isoformat") else value
    return plain


def _write(archive: Archive, bag: Bag, one: _Loaded) -> None:
    """Write the parts of a record and complete its line with them."""
    number = one.line["record"]
    one.line["versions"] = []
    for state, parts in one.versions:
        names: Iterator[Sequence[Any]] = iter(())
        listed = []
        for mine, sealed in parts:
            role = ComponentRole(mine["role"])
            if role is ComponentRole.BODY:
                content = unpacked(_small(archive, one.owner, mine, sealed))
                names = iter(content["attachments"])
                one.line["parties"] = [
                    dict(zip(("role", "kind", "address", "name"), party, strict=True)) for party in content["parties"]
                ]
                one.line["title"] = content.get("title")
                state["provenance"] = content.get("provenance", {})
            name = next(names)[0] if role is ComponentRole.ATTACHMENT else None
            fields = {"role": role.value, "position": mine["position"], "name": name, "media_type": mine["media_type"]}
            fields |= {"size": mine["size"], "digest": mine["digest"].hex(), "expunged": sealed is None}
            if sealed is not None:
                suffix = _suffix(name, mine["media_type"])
                path = f"records/{one.group}/{number}/v{state['number']}/{mine['position']:02d}-{role.value}.{suffix}"
                fields |= _copy(archive, bag, one.owner, mine, sealed, path)
            listed.append(fields)
        one.line["versions"].append({**state, "components": listed})


def _small(archive: Archive, owner: Owner, mine: RowMapping, sealed: RowMapping | None) -> bytes:
    if sealed is None:
        raise VerificationFailed(problem=f"the body of R{mine['record_id']} is missing")
    with _sound(mine):
        return b"".join(open_row(archive.vault, owner, sealed)[0])


def _copy(archive: Archive, bag: Bag, owner: Owner, mine: RowMapping, sealed: RowMapping, path: str) -> dict[str, Any]:
    with _sound(mine):
        chunks, digest = open_row(archive.vault, owner, sealed)
        file = bag.add(path, chunks)
    if (digest, file.size) != (mine["digest"], mine["size"]):
        raise VerificationFailed(problem=f"a part of R{mine['record_id']} is not what was sealed")
    return {"path": file.path, "sha256": file.sha256}


@contextmanager
def _sound(mine: RowMapping) -> Iterator[None]:
    """Say in words what the vault found."""
    try:
        yield
    except SealBroken:
        problem = f"the sealed content of R{mine['record_id']} was changed, moved or lost on the disk"
        raise VerificationFailed(problem=problem) from None


def _suffix(name: str | None, media_type: str) -> str:
    """An ending that people's programs understand; the original name stands in the record's line."""
    ending = name.rpartition(".")[2] if name and "." in name else ""
    if _SUFFIX.fullmatch(ending):
        return ending.lower()
    plain = media_type.split(";", maxsplit=1)[0].strip().lower()
    return _GUESSED.get(plain) or (mimetypes.guess_extension(plain) or ".bin")[1:]
