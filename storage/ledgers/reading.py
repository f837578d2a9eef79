"""A ledger as it is read from the store, with what turns it into words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from wattwarden.alarms.ledgers.entries import Corrector, Entry, Head, LedgerKind
from wattwarden.alarms.ledgers.sheets import SHEETS, Cell, cells, count_text, said
from wattwarden.alarms.registry.nouns import Enterprise, Person
from wattwarden.storage.database import Connection
from wattwarden.storage.ledgers.book import Cover, Page
from wattwarden.storage.ledgers.ledger import Chosen, correctors, head_of, load_entries
from wattwarden.storage.registry.records import load_kind


@dataclass(frozen=True, slots=True)
class Ledger:
    """Entries of an enterprise, and what it takes to show them."""

    enterprise: Enterprise
    entries: list[Entry]
    head: Head
    # By the number of the entry that is corrected.
    correctors: Mapping[int, Corrector]
    persons: Mapping[str, str]

    @property
    def zone(self) -> ZoneInfo:
        """The enterprise's own."""
        return ZoneInfo(self.enterprise.zone)

    def person(self, identity: str) -> str:
        """Return what a person is called."""
        return self.persons.get(identity, identity)

    def cells(self, entry: Entry) -> tuple[Cell, ...]:
        """Return an entry's cells in its sheet."""
        return cells(entry, self.correctors.get(entry.number), self.zone, self.person)

    def said(self, entry: Entry) -> str:
        """Return an entry in a line."""
        return said(entry, self.zone, self.person)

    def pages(self, kinds: tuple[LedgerKind, ...]) -> list[Page]:
        """Return a page a kind, of all when none is named."""
        pages = []
        for kind in kinds or tuple(LedgerKind):
            entries = [one for one in self.entries if one.kind is kind]
            rows = [self.cells(one) for one in entries]
            fallen = {
                at: corrector.mark_zh
                for at, one in enumerate(entries)
                if (corrector := self.correctors.get(one.number))
            }
            amending = frozenset(at for at, one in enumerate(entries) if one.corrects is not None)
            count = count_text(entries, self.correctors)
            pages.append(Page(SHEETS[kind], rows, count, fallen, amending))
        return pages

    def cover(self, since: datetime | None, until: datetime | None) -> Cover:
        """Return what stands above every page; a period without ends is that of the entries."""
        return Cover(
            enterprise=self.enterprise.name,
            credit_code=self.enterprise.credit_code,
            address=self.enterprise.address,
            period=f"{self._day(since, first=True)} 至 {self._day(until, first=False)}",
            head=self.head,
        )

    def _day(self, given: datetime | None, *, first: bool) -> str:
        moments = [one.occurred_at for one in self.entries]
        moment = given or ((min if first else max)(moments) if moments else None)
        return "—" if moment is None else f"{moment.astimezone(self.zone):%Y-%m-%d %H:%M}"


async def read_ledger(connection: Connection, enterprise: Enterprise, chosen: Chosen) -> Ledger:
    """Read an enterprise's ledger.

    Raises:
        StorageError: The database is away.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        return Ledger(
            enterprise,
            await load_entries(connection, enterprise.id, chosen),
            await head_of(connection, enterprise.id),
            await correctors(connection, enterprise.id),
            {one.id: one.name for one in await load_kind(connection, Person)},
        )
