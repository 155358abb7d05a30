"""One run over the folders of a mailbox: new mails, expunged mails, folders that were made anew."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

from connectors.contract import Context, Cursor, Enumeration, Page, Window
from connectors.imap_mailbox.client import Folder, ImapClient, Refused, State
from connectors.imap_mailbox.cursor import FolderMark, write
from connectors.rfc822 import MEMORY_LIMIT, Source, mail_item, owner_addresses, within
from connectors.rfc822_headers import IDENTITY, identity
from connectors.rfc822_parts import parse_fields
from schema.item import Gone, Item, Provenance, Unreadable

PAGE_ITEMS = 500
PAGE_BYTES = 32 << 20
_LISTED = 2000
_REFUSED = 200  # mails that the server could not hand over, to be asked for again
_HEADER = f"HEADER.FIELDS ({' '.join(sorted(IDENTITY)).upper()})"


def prefix_of(name: str) -> str:
    """Return what the native ids of a folder's mails begin with; no other folder's ids do."""
    return name.replace("%", "%25").replace("/", "%2F") + "/"


@dataclass(slots=True)
class Run:
    """The state of one run; `marks` is what the cursor keeps."""

    context: Context
    window: Window
    client: ImapClient
    marks: dict[str, FolderMark]
    owner: frozenset[str] = field(init=False)
    warnings: list[str] = field(default_factory=list)
    done: int = 0
    halted: bool = False

    def __post_init__(self) -> None:
        self.owner = owner_addresses(self.context.settings.get("address"))

    def pages(self, listed: list[Folder], wanted: list[Folder]) -> Iterator[Page]:
        """Read every wanted folder; `listed` are all that the server has."""
        names = {folder.name for folder in listed}
        for name in [name for name in self.marks if name not in names]:
            del self.marks[name]
            self.warnings.append(f"The folder {name} is no longer on the server (deleted, renamed or closed to us).")
            yield from self._page(complete=Enumeration(prefix=prefix_of(name)))
            if self.halted:
                return
        keep = {folder.name for folder in wanted}
        self.marks = {name: mark for name, mark in self.marks.items() if name in keep}
        for folder in wanted:
            try:
                yield from self._folder(folder)
            except Refused as error:
                self.warnings.append(f"The folder {folder.name} could not be read: {error.detail}.")
            if self.halted:
                return
        yield from self._page()

    def _page(
        self,
        items: tuple[Item | Unreadable, ...] = (),
        known: tuple[str, ...] = (),
        gone: tuple[Gone, ...] = (),
        complete: Enumeration | None = None,
    ) -> Iterator[Page]:
        cursor: Cursor = write(self.marks, self.window)
        self.done += len(items)
        self.context.progress(self.done, None, "mails")
        warnings, self.warnings = tuple(self.warnings), []
        yield Page(items, gone, cursor, complete, still_there=known, warnings=warnings)
        self.halted = self.context.stopped()

    def _folder(self, folder: Folder) -> Iterator[Page]:
        mark = self.marks.get(folder.name)
        now = self.client.status(folder)
        if mark and not mark.unsettled and _same(mark, now):
            return
        known = (mark.uidvalidity, mark.modseq) if mark and mark.modseq else None
        state = self.client.examine(folder, known)
        if mark is None or mark.uidvalidity != state.uidvalidity:
            # Of the new generation we know nothing; ids do not hang on UIDs, so the same mails keep theirs.
            mark = self.marks[folder.name] = FolderMark(state.uidvalidity, kept=mark is not None and mark.kept)
        reading = _Reading(self, folder, mark, state)
        whole = mark.following == 1
        yield from reading.new()
        if self.halted:
            return
        gone, settled = reading.expunged()
        complete: Enumeration | None = None
        if whole and not mark.refused:
            complete = Enumeration(prefix=reading.prefix)
        elif mark.unsettled or not settled:
            mark.unsettled = True
            yield from reading.listing()
            if self.halted:
                return
            complete = None if reading.failed else Enumeration(prefix=reading.prefix)
        mark.unsettled, mark.count, mark.modseq = False, reading.present, state.modseq or 0
        yield from self._page(gone=gone, complete=complete)


def _same(mark: FolderMark, now: State) -> bool:
    """Tell whether nothing came and nothing went; flags are not content, so their changes do not matter."""
    return (mark.uidvalidity, mark.following, mark.count) == (now.uidvalidity, now.uidnext, now.messages)


@dataclass(slots=True)
class _Reading:
    """The reading of one open folder; `taken`: which numbers each identity has here, as bits."""

    run: Run
    folder: Folder
    mark: FolderMark
    state: State
    prefix: str = field(init=False)
    vanished: set[int] = field(init=False)
    taken: dict[str, int] = field(default_factory=dict)
    present: int = field(init=False)
    failed: bool = False

    def __post_init__(self) -> None:
        self.prefix = prefix_of(self.folder.name)
        spans = self.state.vanished or ()
        self.vanished = {uid for uid in self.mark.ids if any(low <= uid < high for low, high in spans)}
        for uid, name in self.mark.ids.items():
            if uid not in self.vanished:
                self._take(name)
        self.present = self.state.messages

    def _take(self, name: str) -> None:
        base, _, again = name.partition("#")
        self.taken[base] = self.taken.get(base, 0) | 1 << (int(again or 1) - 1)

    def _name(self, head: bytes) -> str:
        """Return the identity of a mail that is new to us, with the first free number among those of its header."""
        base = identity(parse_fields(head)[0])
        used = self.taken.get(base, 0)
        number = (~used & (used + 1)).bit_length()
        self.taken[base] = used | 1 << (number - 1)
        return base if number == 1 else f"{base}#{number}"

    def new(self) -> Iterator[Page]:
        """Fetch the mails from the mark up to what was there when the folder was opened."""
        client, mark = self.run.client, self.mark
        first = mark.following
        uids = sorted({*mark.refused, *client.uids(first, self.state.uidnext, self.state.messages)})
        mark.refused = []
        for at in range(0, len(uids), PAGE_ITEMS):
            chunk = uids[at : at + PAGE_ITEMS]
            sizes = client.sizes(chunk)
            for batch in _batches(chunk, sizes):
                items, known = [], []
                for uid, source in self._sources(batch, sizes):
                    item = self._item(uid, source)
                    if within(item, self.run.window):
                        items.append(item)
                    else:
                        known.append(item.native_id)
                mark.following = max(first, batch[-1] + 1)
                mark.count += sum(uid >= first for uid in batch)
                yield from self.run._page(tuple(items), tuple(known))
                if self.run.halted:
                    return
        mark.following = max(mark.following, self.state.uidnext)

    def _sources(self, batch: list[int], sizes: dict[int, int]) -> Iterator[tuple[int, Source]]:
        client = self.run.client
        if len(batch) == 1 and sizes.get(batch[0], 0) > MEMORY_LIMIT:
            yield batch[0], lambda: client.stream(batch[0])
            return
        try:
            found = dict(client.bodies(batch))
        except Refused:  # one mail that the server cannot read must not stand in the way of the others
            found = self._singly(batch)
        for uid in batch:
            if found.get(uid):
                yield uid, found[uid]

    def _singly(self, batch: list[int]) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        for uid in batch:
            try:
                found.update(self.run.client.bodies([uid]))
            except Refused as error:
                self.mark.refused = [*self.mark.refused, uid][-_REFUSED:]
                self.run.warnings.append(f"Mail {uid} in {self.folder.name} could not be fetched: {error.detail}.")
        return found

    def _item(self, uid: int, source: Source) -> Item | Unreadable:
        head = source if isinstance(source, bytes) else next(iter(source()), b"")
        name = self._name(head)
        where = f"{quote(self.folder.name)};UIDVALIDITY={self.state.uidvalidity}/;UID={uid}"
        client = self.run.client
        item = mail_item(
            source,
            native_id=self.prefix + name,
            provenance=Provenance(
                self.run.context.now(),
                url=f"imap://{quote(client.user, safe='')}@{client.host}/{where}",
                position=f"{self.folder.name}, UID {uid}",
            ),
            sink=self.run.context.sink,
            owner=self.run.owner,
            extra=(("folder", self.folder.name),),
        )
        if isinstance(item, Item) and self.run.context.in_scope(item):
            self.mark.ids[uid], self.mark.kept = name, True
        return item

    def expunged(self) -> tuple[tuple[Gone, ...], bool]:
        """Return what the server says is gone, and whether that accounts for every mail that is no longer there."""
        mark = self.mark
        lost = mark.count - self.state.messages
        again = {name for uid, name in mark.ids.items() if uid not in self.vanished}
        evidence = f"VANISHED: UID %d of UIDVALIDITY {mark.uidvalidity} in {self.folder.name} was expunged"
        gone = tuple(
            Gone(self.prefix + mark.ids[uid], evidence % uid)
            for uid in sorted(self.vanished)
            if mark.ids[uid] not in again
        )
        for uid in self.vanished:
            del mark.ids[uid]
        return gone, lost == len(self.vanished)

    def listing(self) -> Iterator[Page]:
        """Name every mail of the folder by its header, without fetching it again."""
        client, mark = self.run.client, self.mark
        uids = client.uids(1, mark.following, self.state.messages)
        there = set(uids)
        mark.ids = {uid: name for uid, name in mark.ids.items() if uid in there}
        self.taken = {}
        for name in mark.ids.values():
            self._take(name)
        self.present = len(uids)
        for at in range(0, len(uids), _LISTED):
            chunk = uids[at : at + _LISTED]
            heads = dict(client.bodies([uid for uid in chunk if uid not in mark.ids], _HEADER))
            self.failed = self.failed or any(uid not in heads and uid not in mark.ids for uid in chunk)
            names = [
                mark.ids[uid] if uid in mark.ids else self._name(heads[uid])
                for uid in chunk
                if uid in mark.ids or uid in heads
            ]
            yield from self.run._page(known=tuple(self.prefix + name for name in names))
            if self.run.halted:
                return


def _batches(uids: list[int], sizes: dict[int, int]) -> Iterator[list[int]]:
    """Split UIDs so that a page stays within PAGE_BYTES; a large mail comes alone, since it is streamed."""
    batch: list[int] = []
    total = 0
    for uid in uids:
        size = sizes.get(uid, 0)
        if batch and (total + size > PAGE_BYTES or size > MEMORY_LIMIT or sizes.get(batch[-1], 0) > MEMORY_LIMIT):
            yield batch
            batch, total = [], 0
        batch.append(uid)
        total += size
    if batch:
        yield batch
