"""What the gateway's limits did, told to the administrator without flooding the log.

counters ──► by kind ──► grown since the last line, a minute ago or more ──► one line, the count
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import structlog

from wattwarden.server.chain import ChainCounters
from wattwarden.server.port import PortCounters

# Often enough to see an attack while it lasts, too seldom to fill a disk with it.
QUIET_US: Final = 60_000_000

# Closings that are no limit's doing, or are counted by another name.
NO_LIMITS: Final = frozenset(
    {"taken over by the same meter", "gateway stops", "another peer uses the same id"}
)

_log: Final = structlog.get_logger(__name__)


class LimitLog:
    """Tells how often each kind of limit acted: at once, then at most once a minute."""

    def __init__(self) -> None:
        self._told: dict[str, int] = {}
        self._told_at: dict[str, int] = {}

    def tell(self, counts: Mapping[str, int], now: int) -> None:
        """Log each kind that grew; ``counts`` since the start, ``now`` in microseconds."""
        for kind, count in counts.items():
            grown = count - self._told.get(kind, 0)
            if grown and now - self._told_at.get(kind, now - QUIET_US) >= QUIET_US:
                self._told[kind], self._told_at[kind] = count, now
                _log.warning("limit acted", kind=kind, times=grown, since_start=count)


def limits_acted(port: PortCounters, chains: Iterable[ChainCounters]) -> dict[str, int]:
    """Return how often each limit of a gateway acted since its start, by kind."""
    return dict(_of_port(port)) | dict(_of_chains(list(chains)))


def _of_port(port: PortCounters) -> Iterator[tuple[str, int]]:
    yield from ((f"refused: {reason}", count) for reason, count in port.refused.items())
    for reason, count in port.closed.items():
        if reason not in NO_LIMITS:
            yield f"closed: {reason}", count
    yield "logins paced", port.paced
    yield "logins denied", port.denied
    yield "meters held back", port.held
    yield "reading paused", port.pauses
    yield "two meters under one id", port.duplicate_ids
    yield "unknown bytes not kept", port.unknown_dropped_bytes


def _of_chains(chains: list[ChainCounters]) -> Iterator[tuple[str, int]]:
    yield "checksums that did not fit", sum(one.unconfirmed for one in chains)
    yield "journal full", sum(one.full for one in chains)
    yield "entries the journal refused", sum(one.refused for one in chains)
    yield "occurrences not recorded", sum(one.occurrences_dropped for one in chains)
