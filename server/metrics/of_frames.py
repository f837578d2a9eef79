"""What gateway and writer tell: meters to journal, journal to rows."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Final

from wattwarden.protocol.microseconds import SECOND_US
from wattwarden.protocol.spread import Spread
from wattwarden.server.clock import ALARMING_US, Clock
from wattwarden.server.downlink import DownlinkCounters
from wattwarden.server.gateway import Gateway
from wattwarden.server.metrics.families import WRITER_MEANINGS
from wattwarden.server.metrics.page import Sample
from wattwarden.server.metrics.watch import Look, Seen, Trouble, Watch
from wattwarden.server.shards import Shards
from wattwarden.storage.journal.journal import Journal, ShardStatus
from wattwarden.storage.journal.survey import NEARLY_FULL_SHARE
from wattwarden.storage.rows.writer import Writer

# By the name of the port's counter.
_PORT: Final = {
    "connections_opened_total": "opened",
    "connections_silent_total": "silent",
    "logins_total": "logins",
    "logins_paced_total": "paced",
    "logins_denied_total": "denied",
    "meters_held_total": "held",
    "takeovers_total": "takeovers",
    "duplicate_ids_total": "duplicate_ids",
    "unknown_bytes_total": "unknown_bytes",
    "unknown_bytes_dropped_total": "unknown_dropped_bytes",
    "reading_pauses_total": "pauses",
}
# By the name of a chain's counter.
_CHAIN: Final = {
    "envelope_bytes_total": "bytes",
    "journal_retries_total": "retries",
    "journal_full_total": "full",
    "journal_refused_total": "refused",
    "occurrences_dropped_total": "occurrences_dropped",
}


def gateway_watch(
    gateway: Gateway, commands: DownlinkCounters, journal: Journal, clock: Clock
) -> Watch:
    """Return what a gateway tells."""
    port = gateway.port

    def samples() -> Iterator[Sample]:
        counters = port.counters
        for name, attribute in _PORT.items():
            yield Sample(name, getattr(counters, attribute))
        for reason, count in counters.refused.items():
            yield Sample("connections_refused_total", count, (reason,))
        for reason, count in counters.closed.items():
            yield Sample("connections_closed_total", count, (reason,))
        yield Sample("connections", len(port.connections))
        yield Sample("sessions", len(port.fleet))
        yield Sample("reading_paused", int(port.paused))
        yield Sample("pending_bytes", sum(chain.pending_bytes for chain in gateway.chains))
        yield Sample("pending_bytes_limit", port.most_pending_bytes)
        yield Sample("meters_traced", len(gateway.tracing))
        yield Sample("trace_orders_total", gateway.tracing.orders, ("taken",))
        yield Sample("trace_orders_total", gateway.tracing.refused, ("refused",))
        yield Sample("clock_off_seconds", clock.off_us / SECOND_US)
        for outcome, count in asdict(commands).items():
            yield Sample("commands_total", count, (outcome,))
        yield from _of_chains(gateway)

    def troubles() -> Iterator[Trouble]:
        if port.trouble is not None:
            yield Trouble("journal", port.trouble)
        elif port.paused:
            yield Trouble("reading", "more waits for the journal than may: reading is stopped")
        if abs(clock.off_us) > ALARMING_US:
            yield Trouble("clock", f"the wall clock is {clock.off_us / SECOND_US:.1f} s off")

    return Watch("gateway", samples, troubles, (_room(journal),))


def writer_watch(writers: Mapping[int, Writer], shards: Shards, journal: Journal) -> Watch:
    """Return what a process of writers tells: the last of each shard it had, and those it has."""

    def samples() -> Iterator[Sample]:
        everyone = list(writers.values())
        for name in WRITER_MEANINGS:
            total = sum(getattr(writer.counters, name) for writer in everyone)
            yield Sample(f"writer_{name}_total", total)
        for key in {key for writer in everyone for key in writer.counters.decoded}:
            count = sum(writer.counters.decoded[key] for writer in everyone)
            yield Sample("decoded_frames_total", count, key)
        yield Sample("writer_shards", len(shards.held))
        if everyone:
            yield Sample("writer_round_frames", _sum(one.round_frames for one in everyone))
            yield Sample("writer_round_seconds", _sum(one.round_s for one in everyone))

    def troubles() -> Iterator[Trouble]:
        for shard in shards.held:
            if writers[shard].position is None:
                yield Trouble("database", f"shard {shard} waits for the database")

    async def lag() -> Seen:
        found = [(writers[shard], await journal.status(shard)) for shard in shards.held]
        return Seen(
            tuple(
                Sample(
                    "journal_lag_entries",
                    max(status.last - writer.position.sequence, 0),
                    (str(writer.shard),),
                )
                for writer, status in found
                if writer.position is not None
            )
        )

    return Watch("writer", samples, troubles, (Look("journal lag", lag),))


def _of_chains(gateway: Gateway) -> Iterator[Sample]:
    counters = [chain.counters for chain in gateway.chains]
    for name, attribute in _CHAIN.items():
        yield Sample(name, sum(getattr(one, attribute) for one in counters))
    for key in {key for one in counters for key in one.outcomes}:
        yield Sample("frames_total", sum(one.outcomes[key] for one in counters), key)
    yield Sample("ack_seconds", _sum(one.ack_s for one in counters))
    yield Sample("envelope_frames", _sum(one.sizes for one in counters))


def _room(journal: Journal) -> Look:
    """Return the look at how full the journal is."""

    async def look() -> Seen:
        found = [(str(shard), await journal.status(shard)) for shard in range(journal.shards)]
        samples = (
            sample
            for shard, status in found
            for sample in (
                Sample("journal_bytes", status.bytes, (shard,)),
                Sample("journal_bytes_limit", status.max_bytes, (shard,)),
            )
        )
        return Seen(tuple(samples), tuple(_full(found)))

    return Look("journal room", look)


def _full(found: Iterable[tuple[str, ShardStatus]]) -> Iterator[Trouble]:
    for shard, status in found:
        share = status.bytes / status.max_bytes if status.max_bytes > 0 else 0.0
        if share >= NEARLY_FULL_SHARE:
            yield Trouble("journal room", f"shard {shard} of the journal is {share:.0%} full")


def _sum(spreads: Iterable[Spread]) -> Spread:
    """Return several spreads of the same bounds as one."""
    first, *others = spreads
    whole = Spread(first.bounds)
    whole.counts = list(first.counts)
    whole.total = first.total
    for one in others:
        whole.counts = [a + b for a, b in zip(whole.counts, one.counts, strict=True)]
        whole.total += one.total
    return whole
