"""What an archivist tells."""

from collections.abc import Iterator

from wattwarden.server.archivist import Archivist
from wattwarden.server.metrics.page import Sample
from wattwarden.server.metrics.watch import Seen, Trouble, Watch, in_database
from wattwarden.storage.database import Connection
from wattwarden.storage.held import quarantined


def archivist_watch(archivist: Archivist, dsn: str) -> Watch:
    """Return what an archivist tells."""

    def samples() -> Iterator[Sample]:
        counters = archivist.counters
        yield Sample("chore_rounds_total", counters.rounds)
        for outcome, counts in (("done", counters.done), ("failed", counters.failed)):
            for chore, count in counts.items():
                yield Sample("chores_total", count, (chore, outcome))

    def troubles() -> Iterator[Trouble]:
        for chore, reason in archivist.failing.items():
            yield Trouble(chore, reason)

    async def ask(connection: Connection) -> Seen:
        return Seen((Sample("quarantine_rows", await quarantined(connection)),))

    return Watch("archivist", samples, troubles, (in_database(dsn, "quarantine", ask),))
