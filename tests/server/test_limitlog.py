"""What limits do is told at once, then at most once a minute for each kind, with the count."""

import pytest
from structlog.testing import capture_logs

from wattwarden.server.chain import ChainCounters
from wattwarden.server.limitlog import QUIET_US, LimitLog, limits_acted
from wattwarden.server.port import PortCounters

SECOND_US = 1_000_000


def told(log: LimitLog, counts: dict[str, int], now: int) -> list[tuple[str, int, int]]:
    with capture_logs() as lines:
        log.tell(counts, now)
    return [(line["kind"], line["times"], line["since_start"]) for line in lines]


def test_the_first_time_is_told_at_once() -> None:
    log = LimitLog()
    assert told(log, {"a": 0, "b": 0}, 5) == []
    assert told(log, {"a": 3, "b": 0}, 6) == [("a", 3, 3)]


def test_more_is_told_after_a_minute_in_one_line() -> None:
    log = LimitLog()
    lines = [
        line
        for second in range(150)
        for line in told(log, {"a": 10 * (second + 1)}, second * SECOND_US)
    ]
    assert lines == [("a", 10, 10), ("a", 600, 610), ("a", 600, 1210)]


def test_kinds_do_not_wait_for_each_other() -> None:
    log = LimitLog()
    assert told(log, {"a": 1}, 0) == [("a", 1, 1)]
    assert told(log, {"a": 2, "b": 1}, SECOND_US) == [("b", 1, 1)]


def test_what_stands_still_is_not_told_again() -> None:
    log = LimitLog()
    told(log, {"a": 1}, 0)
    assert told(log, {"a": 1}, 10 * QUIET_US) == []


PORT_KINDS = {
    "paced": "logins paced",
    "denied": "logins denied",
    "held": "meters held back",
    "pauses": "reading paused",
    "duplicate_ids": "two meters under one id",
    "unknown_dropped_bytes": "unknown bytes not kept",
}
CHAIN_KINDS = {
    "unconfirmed": "checksums that did not fit",
    "full": "journal full",
    "refused": "entries the journal refused",
    "occurrences_dropped": "occurrences not recorded",
}


@pytest.mark.parametrize(("counter", "kind"), PORT_KINDS.items(), ids=PORT_KINDS)
def test_each_limit_of_the_port_is_told(counter: str, kind: str) -> None:
    port = PortCounters()
    setattr(port, counter, 3)
    assert {kind: n for kind, n in limits_acted(port, []).items() if n} == {kind: 3}


@pytest.mark.parametrize(("counter", "kind"), CHAIN_KINDS.items(), ids=CHAIN_KINDS)
def test_each_limit_of_the_chains_is_told_as_their_sum(counter: str, kind: str) -> None:
    chains = [ChainCounters(), ChainCounters()]
    for chain in chains:
        setattr(chain, counter, 2)
    acted = limits_acted(PortCounters(), iter(chains))
    assert {kind: n for kind, n in acted.items() if n} == {kind: 4}


def test_refusals_and_closings_are_told_by_reason() -> None:
    port = PortCounters()
    port.refuse("max_sessions")
    port.close("no login before the deadline")
    port.close("no login before the deadline")
    port.close("taken over by the same meter")
    acted = limits_acted(port, [])
    assert acted["refused: max_sessions"] == 1
    assert acted["closed: no login before the deadline"] == 2
    assert not any("taken over" in kind for kind in acted)
