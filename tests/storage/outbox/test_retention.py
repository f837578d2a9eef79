"""Old notices and attempts go; what is open, or needed for an alarm's end, stays."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from pydantic import ValidationError
from tests.storage.cases.city import RAISED, after, with_alarm

from wattwarden.server.chores import RetentionCounters, retention_chore
from wattwarden.server.settings import ArchivistSettings
from wattwarden.storage.database import Connection
from wattwarden.storage.outbox.retention import forget_attempts, forget_notices

LONG_AGO = RAISED - timedelta(days=500)


async def notice(store: Connection, state: str = "delivered", **more: Any) -> int:
    values = {
        "alarm": 0,
        "enterprise": "E1",
        "at": LONG_AGO,
        "why": "raised",
        "level": 2,
        "recipient": uuid4().hex,
        "reason": "first",
        "state": state,
        "due": LONG_AGO,
        "expires": LONG_AGO,
        "created": LONG_AGO,
        **more,
    }
    marks = ", ".join(f"${place}" for place in range(1, len(values) + 1))
    number: int = await store.fetchval(
        f"INSERT INTO outbox ({', '.join(values)}) VALUES ({marks}) RETURNING id",  # noqa: S608  ours
        *values.values(),
    )
    return number


async def attempt(store: Connection, number: int, started: datetime = LONG_AGO) -> None:
    await store.execute(
        "INSERT INTO attempt (outbox, number, kind, endpoint, addressed, started, ended, outcome,"
        " reason, provider_id) VALUES ($1, 1, 'send', 'hook', '{}', $2, $2, 'retry', '', '')",
        number,
        started,
    )


async def left(store: Connection) -> list[str]:
    return [row["state"] for row in await store.fetch("SELECT state FROM outbox ORDER BY id")]


async def test_what_is_done_goes_and_what_is_open_stays(store: Connection) -> None:
    states = ("waiting", "sending", "asking", "merged", "delivered", "dead", "expired", "silent")
    for state in states:
        await attempt(store, await notice(store, state))
    assert await forget_attempts(store, RAISED, 100) == 4
    assert await forget_notices(store, RAISED, 100) == 4
    assert await left(store) == ["waiting", "sending", "asking", "merged"]
    assert await store.fetchval("SELECT count(*) FROM attempt") == 4


async def test_what_is_young_stays(store: Connection) -> None:
    number = await notice(store, created=RAISED)
    await attempt(store, number, RAISED)
    assert await forget_attempts(store, RAISED, 100) == 0
    assert await forget_notices(store, RAISED, 100) == 0


async def test_what_failed_and_has_another_way_left_stays(store: Connection) -> None:
    await notice(store, "dead", fallback_at=RAISED)
    assert await forget_notices(store, RAISED, 100) == 0


async def test_what_took_open_ones_along_stays(store: Connection) -> None:
    await notice(store, "merged", head=await notice(store))
    assert await forget_notices(store, RAISED, 100) == 0


@pytest.mark.parametrize(
    ("ended", "state", "withdrawn", "goes"),
    [
        (None, "verified", False, False),
        (5, "cleared", False, False),
        (5, None, False, False),
        (5, "closed", False, True),
        (5, "verified", False, True),
        (None, "raised", True, True),
    ],
    ids=["stands", "not rectified", "not looked at", "closed", "verified", "taken back"],
)
async def test_whoever_heard_of_a_raise_is_known_until_the_case_is_done(
    store: Connection, ended: float | None, state: str | None, *, withdrawn: bool, goes: bool
) -> None:
    number = await with_alarm(store, ended=ended, withdrawn=withdrawn)
    if state is not None:
        await store.execute(
            "INSERT INTO alarm_case (alarm, enterprise, state, level, deadline, told_until)"
            " VALUES ($1, 'E1', $2, 2, now(), now())",
            number,
            state,
        )
    await notice(store, alarm=number)
    assert await forget_notices(store, RAISED, 100) == goes


async def test_the_chore_forgets_in_parts_counts_and_rests_for_an_hour(
    store: Connection, store_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wattwarden.server.chores.FORGOTTEN_AT_ONCE", 2)
    for _ in range(5):
        await attempt(store, await notice(store))
    counters = RetentionCounters()
    young = await notice(store, created=after(0) - timedelta(days=399))
    await attempt(store, young)
    settings = ArchivistSettings()
    chore = retention_chore(store_dsn, settings, counters, wall=lambda: RAISED)
    await chore.do(RAISED)
    assert counters == RetentionCounters(notices=5, attempts=6)
    assert await left(store) == ["delivered"]
    await notice(store)
    await chore.do(RAISED + timedelta(minutes=59))
    assert counters.notices == 5
    await chore.do(RAISED + timedelta(minutes=60))
    assert counters.notices == 6


@pytest.mark.parametrize("name", ["notices_days", "attempts_days", "commands_days"])
def test_what_the_limits_of_gateways_count_is_always_kept(name: str) -> None:
    with pytest.raises(ValidationError):
        ArchivistSettings.model_validate({name: 1})
    assert getattr(ArchivistSettings.model_validate({name: 2}), name) == 2
