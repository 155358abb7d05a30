"""Preparing a batch: ask what is known, decide what is new, seal it for its place."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy.orm import Session

from archiver.accession.batch import Arrival, Prepared, Row
from archiver.accession.content import merged, other, packed, stated
from archiver.accession.known import KnownRecord, known_parties, known_records, known_threads
from archiver.accession.normalise import party_key
from archiver.database import IdPool
from archiver.vault import Owner, Vault
from archiver.vault.objects import StoredObject
from archiver.vault.payloads import Sealed, seal_content, seal_object
from schema.canonical import canonical_json
from schema.item import Blob, Item, Party, Unreadable
from schema.vocab import AddressKind, ComponentRole, Direction, Kind, ObservationKind, OwnerKind, Precision, Visibility

_REMEMBERED = 100_000
"""Addresses whose keys a run keeps in memory."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The run that a batch belongs to.  now: milliseconds UTC.  region: country of plain phone numbers."""

    source_id: int
    capture_id: int
    now: int
    region: str = "US"


@dataclass(frozen=True, slots=True)
class _State:
    """One state of an item, with what tells it from others."""

    item: Item | Unreadable
    fields: dict[str, Any]
    written: bytes
    match: bytes


class Preparer:
    """Prepares the batches of one run; remembers threads and parties that it met."""

    def __init__(self, vault: Vault, ids: IdPool, origin: Origin, spooled: Callable[[Blob], StoredObject]) -> None:
        """spooled: gives the stored object behind a Blob that the sink handed out."""
        self._vault, self._ids, self._origin, self._spooled = vault, ids, origin, spooled
        self._threads: dict[bytes, int] = {}
        self._parties: dict[bytes, int] = {}
        self._thread_keys: dict[str, bytes] = {}
        self._party_keys: dict[tuple[AddressKind, str], bytes] = {}

    def prepare(self, session: Session, items: Sequence[Item | Unreadable]) -> Prepared:
        """Turn items into rows; session only reads."""
        out = Prepared()
        source = str(self._origin.source_id)
        keys = [self._vault.keyed("native", source, item.native_id) for item in items]
        known = known_records(session, list(dict.fromkeys(keys)))
        owners = self._vault.owners(session, OwnerKind.RECORD, [one.id for one in known.values() if not one.destroyed])
        self._meet(session, items, out)
        for item, key in zip(items, keys, strict=True):
            out.counts.seen += 1
            state = self._state(item)
            before = known.get(key)
            if before is None:
                known[key], owners_entry = self._new(state, key, out)
                owners[owners_entry.id] = owners_entry
            elif before.destroyed:
                out.counts.destroyed_earlier += 1
                out.tombstones_seen.append(before.id)
                if self._edited_since(item, before):
                    out.edited_again.append(before.id)
            else:
                self._again(state, before, owners.get(before.id), out)
        return out

    def learn(self, written: Prepared) -> None:
        """Take over the ids of parties that another run had committed first."""
        self._parties.update(written.settled)

    def _state(self, item: Item | Unreadable) -> _State:
        fields = stated(item)
        written = canonical_json(fields)
        compared = written
        if isinstance(item, Unreadable):
            compared = item.raw.sha256 if isinstance(item.raw, Blob) else sha256(item.raw).digest()
        return _State(item, fields, written, self._vault.keyed_bytes("match", compared))

    def _meet(self, session: Session, items: Sequence[Item | Unreadable], out: Prepared) -> None:
        """Find or make the threads and parties of a batch."""
        threads: dict[bytes, None] = {}
        parties: dict[bytes, str] = {}
        for item in items:
            if isinstance(item, Unreadable):
                continue
            if item.thread_id is not None:
                threads.setdefault(self._thread_key(item.thread_id))
            for party in item.parties:
                parties.setdefault(self._party_key(party), party.kind.value)
        unmet = [key for key in threads if key not in self._threads]
        self._threads.update(known_threads(session, unmet))
        for key in unmet:
            if key not in self._threads:
                self._threads[key] = self._ids.take("thread")
                out.threads.append({"id": self._threads[key], "source_id": self._origin.source_id, "key": key})
        unmet = [key for key in parties if key not in self._parties]
        self._parties.update(known_parties(session, unmet))
        for key in unmet:
            if key not in self._parties:
                self._parties[key] = self._ids.take("party")
                out.parties.append({"id": self._parties[key], "key": key, "kind": parties[key]})

    def _thread_key(self, thread_id: str) -> bytes:
        key = self._thread_keys.get(thread_id)
        if key is None:
            if len(self._thread_keys) > _REMEMBERED:
                self._thread_keys.clear()
            key = self._vault.keyed("thread", str(self._origin.source_id), thread_id)
            self._thread_keys[thread_id] = key
        return key

    def _party_key(self, party: Party) -> bytes:
        written = (party.kind, party.address)
        key = self._party_keys.get(written)
        if key is None:
            if len(self._party_keys) > _REMEMBERED:
                self._party_keys.clear()
            key = self._party_keys[written] = self._vault.keyed("party", party_key(party, self._origin.region))
        return key

    def _new(self, state: _State, key: bytes, out: Prepared) -> tuple[KnownRecord, Owner]:
        item = state.item
        record_id = self._ids.take("record")
        owner, key_row = self._vault.new_owner(OwnerKind.RECORD, record_id)
        facts = self._facts(item, record_id, key)
        out.records.append(facts)
        out.keys.append(key_row)
        out.counts.new_records += 1
        out.counts.unreadable += isinstance(item, Unreadable)
        if isinstance(item, Item):
            linked: dict[int, Row] = {}
            for party in item.parties:
                party_id = self._parties[self._party_key(party)]
                linked.setdefault(party_id, {"record_id": record_id, "party_id": party_id, "role": party.role.value})
            out.record_parties.extend(linked.values())
        known = KnownRecord(record_id, 0, facts["hidden"], destroyed_at=None, absent=False)
        self._version(state, known, owner, facts, out)
        return known, owner

    @staticmethod
    def _edited_since(item: Item | Unreadable, before: KnownRecord) -> bool:
        """Whether an item was edited after its record was destroyed, and no person was told of it."""
        if not isinstance(item, Item) or item.edited is None:
            return False
        return item.edited.at > max(before.destroyed_at or 0, before.told_at or 0)

    def _again(self, state: _State, before: KnownRecord, owner: Owner | None, out: Prepared) -> None:
        """An item that is known: unchanged, in a new state, hidden, or back again."""
        item = state.item
        hidden = item.hidden if isinstance(item, Item) else None
        if hidden is not None and hidden != before.hidden:
            kind = ObservationKind.HIDDEN if hidden else ObservationKind.UNHIDDEN
            if before.hidden is not None or hidden:
                out.observations.append(self._observation(before.id, kind))
            out.hidden.append({"b_id": before.id, "hidden": hidden})
            before.hidden = hidden
        if before.absent:
            out.observations.append(self._observation(before.id, ObservationKind.SEEN))
            out.reappeared.append(before.id)
            before.absent = False
        # A source that marks its states tells old from new; without marks only the newest state can be compared,
        # or an edit back to an earlier wording would be overlooked.
        marked = isinstance(item, Item) and item.version_id is not None
        same = state.match in before.matches if marked else state.match == before.latest
        if same or owner is None:
            out.counts.unchanged += 1
            out.seen_again.append(before.id)
            return
        if before.expunged_at is not None:
            self._withheld(item, before, out)
            return
        out.counts.new_versions += 1
        out.observations.append(self._observation(before.id, ObservationKind.EDITED))
        facts = self._facts(item, before.id, b"")
        self._version(state, before, owner, facts, out)
        out.edited.append({"b_id": before.id, "versions": before.versions})

    def _withheld(self, item: Item | Unreadable, before: KnownRecord, out: Prepared) -> None:
        """A new state of a record of which a part was expunged: it would bring that part back, so a person decides."""
        out.counts.destroyed_earlier += 1
        out.seen_again.append(before.id)
        edited = item.edited.at if isinstance(item, Item) and item.edited else None
        if before.told_at is None or (edited is not None and edited > before.told_at):
            evidence = "not read: a part of this record was expunged"
            out.observations.append(self._observation(before.id, ObservationKind.EDITED, evidence))
            out.edited_again.append(before.id)
            before.told_at = self._origin.now

    def _observation(self, record_id: int, kind: ObservationKind, evidence: str | None = None) -> Row:
        origin = self._origin
        return {
            "record_id": record_id,
            "kind": kind.value,
            "since": None,
            "observed_at": origin.now,
            "capture_id": origin.capture_id,
            "evidence": evidence,
        }

    def _facts(self, item: Item | Unreadable, record_id: int, native_key: bytes) -> Row:
        origin = self._origin
        facts: Row = {
            "id": record_id,
            "source_id": origin.source_id,
            "native_key": native_key,
            "kind": Kind.UNREADABLE.value,
            "thread_id": None,
            "sent_at": None,
            "offset_min": None,
            "precision": Precision.UNKNOWN.value,
            "direction": Direction.UNKNOWN.value,
            "visibility": Visibility.UNKNOWN.value,
            "message_key": None,
            "versions": 1,
            "first_capture_id": origin.capture_id,
            "captured_at": origin.now,
            "changed_at": origin.now,
            "seen_capture_id": origin.capture_id,
            "seen_at": origin.now,
            "hidden": None,
        }
        if isinstance(item, Unreadable):
            return facts
        facts["kind"] = item.kind.value
        facts["direction"] = item.direction.value
        facts["visibility"] = item.visibility.value
        facts["hidden"] = item.hidden
        if item.sent is not None and item.sent.precision is not Precision.UNKNOWN:
            facts["sent_at"] = item.sent.at
            facts["offset_min"] = item.sent.offset_min
            facts["precision"] = item.sent.precision.value
        if item.thread_id is not None:
            facts["thread_id"] = self._threads[self._thread_key(item.thread_id)]
        if item.message_id:
            facts["message_key"] = self._vault.keyed("message", item.message_id)
        return facts

    def _version(self, state: _State, known: KnownRecord, owner: Owner, facts: Row, out: Prepared) -> None:
        """Seal one state: body, attachments, raw."""
        item, match = state.item, state.match
        known.versions += 1
        known.latest = match
        known.matches.add(match)
        version_id = self._ids.take("version")
        beside = other(item)
        body = packed(state.written, beside)
        parts: list[tuple[ComponentRole, str, bytes | Blob]] = [(ComponentRole.BODY, "application/json", body)]
        if isinstance(item, Item):
            parts += [(ComponentRole.ATTACHMENT, a.media_type, a.content) for a in item.attachments]
        parts.append((ComponentRole.RAW, item.raw_type, item.raw))
        rows, whole = [], sha256()
        for position, (role, media_type, data) in enumerate(parts):
            sealed = self._seal(owner, data)
            whole.update(sealed.digest)
            out.payloads.append(sealed.row)
            rows.append(
                {
                    "id": self._ids.take("component"),
                    "version_id": version_id,
                    "record_id": known.id,
                    "role": role.value,
                    "position": position,
                    "payload_id": sealed.row["id"],
                    "media_type": media_type[:120],
                    "size": sealed.row["size"],
                    "digest": sealed.digest,
                }
            )
        out.components.extend(rows)
        digest = whole.digest()
        edited = item.edited.at if isinstance(item, Item) and item.edited else None
        mark = self._vault.keyed("mark", item.version_id) if isinstance(item, Item) and item.version_id else None
        out.versions.append(
            {
                "id": version_id,
                "record_id": known.id,
                "number": known.versions,
                "match": match,
                "mark": mark,
                "capture_id": self._origin.capture_id,
                "captured_at": self._origin.now,
                "edited_at": edited,
                "digest": digest,
            }
        )
        out.digests.append(digest)
        out.arrivals.append(
            Arrival(known.id, known.versions, known.versions == 1, facts, merged(state.fields, beside), tuple(rows))
        )

    def _seal(self, owner: Owner, data: bytes | Blob) -> Sealed:
        payload_id = self._ids.take("payload")
        if isinstance(data, Blob):
            return seal_object(owner, payload_id, self._spooled(data))
        return seal_content(self._vault, owner, payload_id, data)
