"""People do what they may in any order, and nothing is destroyed that must stay (promises 5, 7, 14, 15).

After every step `disposal_model` judges every destruction; it also says what a full execution must destroy, so that an
archive which never destroys fails as well.
"""

import copy
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule, run_state_machine_as_test
from sqlalchemy import text

from archiver.dispose import answers, approval, chunks, halt, proposal
from archiver.dispose.readiness import look
from archiver.errors import ArchiverError, Refused
from archiver.index.rebuild import rebuild
from archiver.jobs.disposing import executing
from archiver.operate import restore_confirm
from archiver.operate.backup import backup_archive
from archiver.operate.restore import Wanted, restore_archive
from schema.disposal_vocab import DispositionAnswer
from tests.fixtures import replay
from tests.fixtures.copied_databases import Databases
from tests.fixtures.disposal_machine import DAY, FEW, SEEN, Holding, Template
from tests.fixtures.disposal_model import Batch, after_restore, day_of

ANSWERS = st.sampled_from(("hold", "retain", "request", "halt", "standing", "crash", "crash", "stop", "nothing"))
"""What happens between two steps of an execution."""

pytestmark = pytest.mark.long


class Retention(Holding):
    """Deciding, executing, backups and time."""

    def batches(self, *states: str) -> list[int]:
        """Dispositions in these states."""
        return [number for number, one in self.world.batches.items() if one.state in states]

    def one_of(self, chosen: int, *states: str) -> int:
        """One of them by position."""
        found = self.batches(*states)
        return found[chosen % len(found)]

    def note_states(self) -> None:
        """What the program says of its dispositions: believed only where it expects less of it."""
        with self.archive.reading() as session:
            states = {row.id: row.state for row in session.execute(text("SELECT id, state FROM disposition"))}
            left = session.execute(
                text("SELECT disposition_id, record_id FROM disposition_record WHERE left_at IS NOT NULL")
            ).all()
        for number, batch in self.world.batches.items():
            batch.state = states[number]
            batch.left = {record for one, record in left if one == number}

    # deciding

    @initialize(steps=st.integers(0, 4))
    def begin(self, steps: int) -> None:
        """Most examples begin with a batch that is on its way already."""
        if steps:
            self.propose("short")
        if steps > 1:
            self.approve(0, True)
        self.sound = True

    @rule(series=st.sampled_from(("short", "short", "short", "long", "unscheduled")))
    def propose(self, series: str) -> None:
        """A series is proposed: everything that is due and free, nothing else."""
        self.tick()
        certain, possible = (self.world.proposable(series, self.now, perhaps=one) for one in (False, True))
        try:
            with self.archive.unit() as session:
                made = proposal.propose(self.archive, session, self.ann, series)
        except ArchiverError:
            assert not certain, f"{certain} of {series} are due and free"
        else:
            with self.archive.reading() as session:
                rows = session.execute(
                    text("SELECT record_id FROM disposition_record WHERE disposition_id = :d"),
                    {"d": made.id},
                )
                listed = {one for (one,) in rows}
            assert certain <= listed <= possible
            changed = {one: self.world.records[one].changed_at for one in listed}
            self.world.batches[made.id] = Batch(series, day_of(self.now), self.now, changed)
            SEEN["proposed"] += 1
        self.check()

    @precondition(lambda self: self.batches("proposed", "approved", "executing", "halted"))
    @rule(chosen=st.integers(0, 9), records=FEW, retain=st.booleans())
    def answer(self, chosen: int, records: list[int], retain: bool) -> None:
        """A department answers for some records."""
        self.tick()
        number = self.one_of(chosen, "proposed", "approved", "executing", "halted")
        listed = sorted(self.world.batches[number].rows)
        self.give_answer(number, sorted({listed[one % len(listed)] for one in records}), retain)
        self.check()

    def give_answer(self, number: int, ids: list[int], retain: bool) -> None:
        """Answer for records; refused for those that are destroyed, or have left and shall go."""
        given = DispositionAnswer.RETAIN if retain else DispositionAnswer.DESTROY
        batch = self.world.batches[number]
        try:
            with self.archive.unit() as session:
                answers.answer(self.archive, session, self.ann, number, given, records=ids, reason="we need it")
        except ArchiverError:
            self.note_states()
            assert set(ids) & (batch.gone | batch.left | {one for one in ids if self.world.records[one].destroyed})
        else:
            batch.retained |= {one for one in ids if retain and one not in batch.gone | batch.left}

    @precondition(lambda self: self.batches("proposed"))
    @rule(chosen=st.integers(0, 9), right=st.sampled_from((True, True, True, False)))
    def approve(self, chosen: int, right: bool) -> None:
        """Bea approves; Ann, who proposed, is refused."""
        self.tick()
        number = self.one_of(chosen, "proposed")
        batch = self.world.batches[number]
        try:
            with self.archive.unit() as session:
                approval.approve(self.archive, session, self.bea if right else self.ann, number)
        except ArchiverError:
            self.note_states()
            assert not right or not set(batch.rows) - batch.retained - batch.left
        else:
            assert right, "who proposed has approved"
            batch.approved, batch.executable_on = True, day_of(self.now) + timedelta(days=1)
        self.note_states()
        self.check()

    @precondition(lambda self: self.batches("proposed", "approved"))
    @rule(chosen=st.integers(0, 9))
    def withdraw(self, chosen: int) -> None:
        """A disposition is withdrawn."""
        self.tick()
        number = self.one_of(chosen, "proposed", "approved")
        with self.archive.unit() as session:
            proposal.withdraw(self.archive, session, self.ann, number, "not now")
        self.world.batches[number].approved = False
        self.note_states()
        self.check()

    @precondition(lambda self: self.batches("approved", "halted") and self.requests())
    @rule(chosen=st.integers(0, 9), request=st.integers(0, 9))
    def clear(self, chosen: int, request: int) -> None:
        """A person records why a request cannot touch a batch."""
        self.tick()
        number, hold = self.one_of(chosen, "approved", "halted"), self.requests()[request % len(self.requests())]
        with suppress(Refused), self.archive.unit() as session:
            answers.clear_hold(self.archive, session, self.ann, number, hold, "of another year")
            self.world.batches[number].cleared.add(hold)
        self.check()

    # executing

    @precondition(lambda self: self.batches("approved", "executing", "halted", "destroyed", "proven"))
    @rule(chosen=st.integers(0, 9), at=st.integers(0, 2), what=ANSWERS, records=FEW, wait=st.booleans())
    def execute(self, chosen: int, at: int, what: str, records: list[int], wait: bool) -> None:
        """An execution, after its cooling-off or too early; something happens after one of its steps."""
        self.tick(DAY + DAY // 4 if wait else 60_000)
        number = self.one_of(chosen, "approved", "executing", "halted", "destroyed", "proven")
        self.run(number, at, what, records)

    def run(self, number: int, at: int = -1, what: str = "nothing", records: list[int] | None = None) -> None:
        """Execute to the end, or to what happens after step `at`; then everything that had to go is gone."""
        world, disturbed = self.world, False
        refusals, must = world.refusals(number, self.now), world.must_go(number)
        with self.archive.reading() as session:
            count = look(self.archive, session, number).count
        stop: list[bool] = []
        steps = executing(self.archive, self.ann, number, count, "the clock was compared")(lambda: bool(stop))
        try:
            with closing(steps):  # what fails here still gives the lease back
                for step, _progress in enumerate(steps):
                    self.check(number)
                    if step == at and what != "nothing":
                        disturbed = True
                        if what == "crash":
                            break
                        stop += [True] if what == "stop" else []
                        self.disturb(number, what, records or [0])
        except ArchiverError as error:
            refusals += world.refusals(number, self.now) or ["disturbed"] * disturbed
            self.expected(number, refusals, error)
        else:
            if not disturbed:
                self.check(number)
                left = [one for one in must if not world.records[one].destroyed]
                assert not left, f"{left} of D{number} had to go and are still here"
                SEEN["executed"] += 1
        self.check(number)
        self.note_states()
        if what == "crash" and disturbed:
            folder = self.archive.folder
            self.archive.close()
            self.archive = self.opened(folder)
            SEEN["crashed"] += 1

    def expected(self, number: int, refusals: list[str], error: ArchiverError) -> None:
        """A refusal has a reason that people know."""
        assert refusals, f"D{number}: {error} {error.advice}"
        SEEN["refused"] += 1

    def disturb(self, number: int, what: str, records: list[int]) -> None:
        """Something else happens between two steps."""
        self.tick()
        ids = self.pick(records)
        match what:
            case "hold":
                self.place_hold(ids)
            case "retain":
                listed = sorted(self.world.batches[number].rows)
                self.give_answer(number, [listed[records[0] % len(listed)]], True)
            case "request":
                self.open_request(frozenset(), None)
            case "halt":
                self.halt()
            case "standing":
                self.hold_word("snow")

    @rule()
    def halt(self) -> None:
        """Everything stops."""
        self.tick()
        with self.archive.unit() as session:
            halt.halt(self.archive, session, self.ann, "wait")
        self.world.halted = True
        self.check()

    @precondition(lambda self: self.world.halted)
    @rule()
    def resume(self) -> None:
        """And goes on."""
        self.tick()
        with self.archive.unit() as session:
            halt.resume(self.archive, session, self.ann, "go on")
        self.world.halted = False
        self.check()

    # backups and time

    @rule()
    def backup(self) -> None:
        """A backup is taken, and what people know then is remembered with it."""
        self.tick()
        store, safe = self.place / f"store{self.copies}", self.place / f"safe{self.copies}"
        taken = [step.taken for step in backup_archive(self.archive, self.ann, store, safe)][-1]
        assert taken is not None
        self.backups.append((taken.place, copy.deepcopy(self.world), self.now))
        self.check()

    @precondition(lambda self: self.backups and self.copies < 2)
    @rule(chosen=st.integers(0, 9))
    def restore(self, chosen: int) -> None:
        """The archive is lost; a backup takes its place, with the list of the newest one."""
        self.tick()
        place, then, at = self.backups[chosen % len(self.backups)]
        newest, known, newest_at = self.backups[-1]
        if newest_at < at:  # the clock fell in between, so that this list would be refused as the older one
            place, then = newest, known
        key = self.place / "master.key"
        if not key.exists():
            key.write_bytes((self.template.folder / "keys" / "master.key").read_bytes())
            key.chmod(0o600)
        self.archive.close()
        self.copies += 1
        folder = self.place / str(self.copies)
        wanted = Wanted(
            place,
            place.parent.with_name(place.parent.name.replace("store", "safe")),
            folder,
            key,
            newest if newest != place else None,
            self.database(),
        )
        for _ in restore_archive(wanted):
            pass
        self.archive = self.opened(folder)
        for _ in rebuild(self.archive):
            pass
        self.world = after_restore(then, known)
        self.backups = []
        self.note_states()
        self.check()
        SEEN["restored"] += 1

    @precondition(lambda self: not self.world.confirmed)
    @rule()
    def confirm(self) -> None:
        """A records officer confirms the restore."""
        self.tick()
        with self.archive.unit() as session:
            restore_confirm.confirm(self.archive, session, self.ann, "compared")
        self.world.confirmed = True
        for batch in self.world.batches.values():  # what was answered after the backup is lost: nothing of it may go
            batch.approved = False
        self.note_states()
        self.check()

    @rule(days=st.sampled_from((1, 2, 7, 30)))
    def wait(self, days: int) -> None:
        """Days pass."""
        self.tick(days * DAY)
        self.sound = True

    @rule(hours=st.sampled_from((2, 50)))
    def fall(self, hours: int) -> None:
        """The clock is put back."""
        self.now -= hours * 3_600_000
        self.world.clock_fell = True
        self.tell_time()

    def teardown(self) -> None:
        """At the end what stands in the way is cleared away, and what the judge says must go is gone."""
        try:
            if self.sound:
                self.finish()
        finally:
            super().teardown()

    def finish(self) -> None:
        """Confirm, resume, approve, wait, execute."""
        if not self.world.confirmed:
            self.confirm()
        if self.world.halted:
            self.resume()
        for _ in self.batches("proposed"):
            self.approve(0, True)
        self.tick(2 * DAY)
        for number in self.batches("approved", "executing", "halted"):
            self.run(number)


@contextmanager
def small_chunks(folder: Path) -> Iterator[Path]:
    """The replaying connector is installed, and chunks are so small that something happens between them."""
    with pytest.MonkeyPatch.context() as patch:
        replay.offer(folder, patch)
        patch.setenv("ARCHIVER_TEST_NOW", "")
        for name, size in (("SMALLEST", 1), ("FIRST", 1), ("LARGEST", 2)):
            patch.setattr(chunks, name, size)
        yield folder


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What every example stands on."""
    with small_chunks(tmp_path_factory.mktemp("machine")) as folder:
        yield folder


def played(template: Template, examples: int) -> None:
    """Play so many examples, and see that they were not idle."""
    SEEN.clear()
    play(template, examples)
    print(f"{examples} examples: {dict(SEEN)}")
    assert SEEN["destroyed"] > examples // 4 and SEEN["refused"] and SEEN["executed"], dict(SEEN)


def play(template: Template, examples: int, *, shrink: bool = True) -> None:
    """Play so many examples; shrink: look for the shortest one where one fails."""
    machine = type("Played", (Retention,), {"template": template})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=12,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
            phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
        ),
    )


def test_nothing_is_destroyed_that_must_stay(ground: Path, tmp_path: Path) -> None:
    """500 examples on SQLite."""
    played(Template(tmp_path / "city", None), 500)


def test_nothing_is_destroyed_that_must_stay_on_postgresql(ground: Path, tmp_path: Path, postgres_url: str) -> None:
    """40 examples on PostgreSQL."""
    played(Template(tmp_path / "city", Databases(postgres_url)), 40)
