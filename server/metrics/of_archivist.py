"""What an archivist tells."""

from collections.abc import Iterator
from dataclasses import asdict

from wattwarden.server.archivist import Archivist
from wattwarden.server.chores import RetentionCounters, wall_now
from wattwarden.server.day_chores import ArchiveCounters
from wattwarden.server.meter_chores import MeterChoreCounters
from wattwarden.server.metrics.page import Sample
from wattwarden.server.metrics.watch import Seen, Trouble, Watch, in_database
from wattwarden.storage.archive.catalogue import archive_held
from wattwarden.storage.database import Connection
from wattwarden.storage.held import quarantined
from wattwarden.storage.proof.signed import signed_to


def archivist_watch(
    archivist: Archivist,
    forgotten: RetentionCounters,
    asked: MeterChoreCounters,
    archived: ArchiveCounters,
    dsn: str,
) -> Watch:
    """Return what an archivist tells."""

    def samples() -> Iterator[Sample]:
        counters = archivist.counters
        yield Sample("chore_rounds_total", counters.rounds)
        for outcome, counts in (("done", counters.done), ("failed", counters.failed)):
            for chore, count in counts.items():
                yield Sample("chores_total", count, (chore, outcome))
        for what, count in asdict(forgotten).items():
            yield Sample("forgotten_rows_total", count, (what,))
        for what, count in asdict(asked).items():
            yield Sample("meter_commands_total", count, (what,))
        for what in ("days", "rows", "bytes", "removed", "failed"):
            yield Sample("archive_total", getattr(archived, what), (what,))
        yield Sample("archive_waiting_days", len(archived.waiting))

    def troubles() -> Iterator[Trouble]:
        for chore, reason in archivist.failing.items():
            yield Trouble(chore, reason)

    async def ask(connection: Connection) -> Seen:
        held = await archive_held(connection)
        signed = await signed_to(connection, wall_now())
        return Seen(
            (
                Sample("quarantine_rows", await quarantined(connection)),
                Sample("archive_days", held.days),
                Sample("archive_bytes", held.bytes),
                Sample("evidence_signed_until_seconds", signed.until_s),
                Sample("evidence_late_days", signed.late_days),
            )
        )

    return Watch("archivist", samples, troubles, (in_database(dsn, "quarantine", ask),))
