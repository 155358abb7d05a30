"""Verifying an archive: what it holds, who did what, what is held and tagged; in steps, with flat memory."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from archiver.archive import Archive
from archiver.audit.verify import LogWalk
from archiver.errors import UsageError
from archiver.operate import verify_facts
from archiver.operate.findings import Findings, Problem
from archiver.vault import fixity
from archiver.vault.sweep import orphans
from schema.db.record import record
from schema.vocab import OwnerKind

PASSED, FAILED, NOTHING = "passed", "failed", "nothing to check"

Part = tuple[int, int]
"""(n, m): the n-th of m parts of the content, counted from 1."""


@dataclass(frozen=True, slots=True)
class Check:
    """What one check came to; count: how many events, holds, records or contents it looked at."""

    name: str
    outcome: str
    count: int


@dataclass(frozen=True, slots=True)
class Result:
    """What verifying found.

    warnings: what a later command mends by itself.  orphans: objects that no record refers to (removed after a day).
    """

    checks: tuple[Check, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    orphans: int

    @property
    def outcome(self) -> str:
        """Ok or failed."""
        return "failed" if self.problems else "ok"


@dataclass(frozen=True, slots=True)
class Step:
    """Progress of a check; result: set in the last step."""

    check: str
    done: int
    total: int | None = None
    result: Result | None = None


@dataclass(slots=True)
class _Sealed:
    """Progress of the content check, which counts contents but walks over record ids."""

    payloads: int = 0
    orphans: int = 0


def read_part(written: str) -> Part:
    """A part as people write it, n/m; raises UsageError."""
    number, _, of = written.partition("/")
    if number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of):
        return int(number), int(of)
    raise UsageError(problem=f"--part takes N/M with N from 1 to M, like 1/7; got {written}")


def verify(archive: Archive, *, part: Part | None = None) -> Iterator[Step]:
    """Check everything, or everything and the n-th of m parts of the content; the last step carries the result.

    Every check runs, whatever the others find; damage of the database file itself is a problem like any other.
    """
    findings = Findings()
    checks: list[Check] = []
    sealed = _Sealed()
    walks: list[tuple[str, Callable[[], Iterator[tuple[int, int | None]]]]] = [
        ("guards", lambda: verify_facts.guards(archive, findings)),
        ("log", lambda: _log(archive, findings)),
        ("holds", lambda: verify_facts.holds(archive, findings)),
        ("tags", lambda: verify_facts.tags(archive, findings)),
        ("keys", lambda: verify_facts.keys(archive, findings)),
        ("requests", lambda: verify_facts.requests(archive, findings)),
        ("cursors", lambda: verify_facts.cursors(archive, findings)),
        ("index", lambda: verify_facts.index(archive, findings)),
        ("content", lambda: _content(archive, part or (1, 1), findings, sealed)),
    ]
    for name, walk in walks:
        before, done = findings.count(name), 0
        try:
            for done, total in walk():
                yield Step(name, done, total)
        except DatabaseError as error:
            findings.problem(name, "database", _unreadable(error))
        count = sealed.payloads if name == "content" else done
        failed = findings.count(name) > before
        checks.append(Check(name, FAILED if failed else PASSED if count else NOTHING, count))
    yield Step("", 0, result=Result(tuple(checks), findings.problems(), findings.warnings(), sealed.orphans))


def _unreadable(error: DatabaseError) -> str:
    return f"the database cannot read this: {type(error.orig).__name__}"


def _log(archive: Archive, findings: Findings) -> Iterator[tuple[int, int | None]]:
    public = archive.signer.public
    with archive.reading() as session:
        walk = LogWalk(session, public)
    result = None
    while result is None:
        with archive.reading() as session:
            result = walk.step(session)
        yield walk.position, None
    for text in result.problems:
        findings.problem("log", "audit log", text)


@contextmanager
def _snapshot(archive: Archive) -> Iterator[Session]:
    """A read transaction whose queries all see the same moment, as SQLite's always do."""
    with archive.reading() as session:
        if not archive.database.sqlite:
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        yield session


def _content(archive: Archive, part: Part, findings: Findings, sealed: _Sealed) -> Iterator[tuple[int, int | None]]:
    """All that is sealed: records by blocks of ids, other owners, words of events; objects outside a transaction."""
    number, of = part
    with archive.reading() as session:
        last = int(session.execute(select(func.max(record.c.id))).scalar() or 0)
    for block in range(number - 1, last // fixity.BLOCK + 1, of):
        first = block * fixity.BLOCK
        try:
            with _snapshot(archive) as session:
                checked = fixity.check_records(session, archive.vault, first, first + fixity.BLOCK - 1)
            _note(archive, checked, findings, sealed)
        except DatabaseError as error:  # damage of one block hides no other
            findings.problem("content", f"R{max(1, first)} to R{first + fixity.BLOCK - 1}", _unreadable(error))
        yield min(first + fixity.BLOCK, last), last
    for kind in OwnerKind:
        if kind in (OwnerKind.RECORD, OwnerKind.EVENT):
            continue
        after = 0
        while True:
            with archive.reading() as session:
                owners = fixity.next_owners(session, kind, after, part)
            for owner_id in owners:
                with _snapshot(archive) as session:
                    checked = fixity.check_owner(session, archive.vault, kind, owner_id)
                _note(archive, checked, findings, sealed)
            if not owners:
                break
            after = owners[-1]
            yield last, last
    if number == 1:
        _words(archive, findings, sealed)
        sealed.orphans = sum(1 for _ in orphans(archive.reading, archive.vault.objects))


def _words(archive: Archive, findings: Findings, sealed: _Sealed) -> None:
    after: int | None = 0
    while after is not None:
        with _snapshot(archive) as session:
            after, checked = fixity.check_words(session, archive.vault, after)
        _note(archive, checked, findings, sealed)


def _note(archive: Archive, checked: fixity.Checked, findings: Findings, sealed: _Sealed) -> None:
    sealed.payloads += checked.payloads
    for flaw in checked.flaws:
        findings.problem("content", flaw.owner, flaw.text)
    for task in checked.objects:
        if broken := fixity.check_object(archive.vault, task):
            with archive.reading() as session:
                if fixity.still_there(session, task.payload_id):
                    findings.problem("content", broken.owner, broken.text)


def _about(problems: Iterable[Problem]) -> dict[str, Any]:
    """What the problems of sealed content, keys and tags concern, so that a disposition of other records may go on.

    records: ids.  owners: kinds of other owners.  others: more than is named here.
    """
    named = [one.object for one in problems if one.check in ("content", "keys", "tags")]
    records = sorted({int(one[1:]) for one in named if one[:1] == "R" and one[1:].isdecimal()})
    rest = {one.split()[0] for one in named if not (one[:1] == "R" and one[1:].isdecimal())}
    kinds = {kind.value for kind in OwnerKind}
    return {"records": records, "owners": sorted(rest & kinds), "others": bool(rest - kinds)}


def record_result(archive: Archive, result: Result, *, actor_id: int | None, part: Part | None) -> None:
    """Keep in the audit log that and how the archive was verified, for `doctor` and for dispositions."""
    failed = sorted({one.check for one in result.problems})
    facts: dict[str, Any] = {"part": list(part or (1, 1)), "failed": failed, "problems": len(result.problems)}
    if failed:
        facts["about"] = _about(result.problems)
    with archive.unit() as session:
        archive.record_act(
            session, "verify", "archive", actor_id=actor_id, outcome="failed" if result.problems else "ok", facts=facts
        )
