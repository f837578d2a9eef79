from datetime import timedelta

import pytest
from tests.storage.fakes import (
    DAY,
    NOON,
    SECOND,
    MemoryJournal,
    factors,
    readers,
    reading,
)

from wattwarden.storage import readings as readings_module
from wattwarden.storage.database import Connection
from wattwarden.storage.meters import find_meter, parse_meter
from wattwarden.storage.moments import moment_of
from wattwarden.storage.readings import Span, StoredReading, Value, read_readings
from wattwarden.storage.rows.writer import Writer

UNITS = {"fake:a34004": "mg/m3"}


async def write(dsn: str, *frames: bytes) -> None:
    journal = MemoryJournal()
    journal.frames(*frames, received_at=NOON + SECOND)
    writer = Writer(0, journal, dsn, readers())
    await writer.round()
    await writer.close()


async def read(store: Connection, span: Span, meter: str = "m1") -> list[StoredReading]:
    found = await find_meter(store, parse_meter(meter))
    return [
        reading
        async for reading in read_readings(
            store,
            found,
            span,
            lambda codec, code: UNITS.get(f"{codec}:{code}", ""),
        )
    ]


async def test_readings_come_in_order_of_time_with_units_and_only_what_was_said(
    store: Connection, store_dsn: str
) -> None:
    await write(
        store_dsn,
        reading("m1", NOON + SECOND, volts=230.1, energy=2**62),
        reading("m1", NOON - 5 * DAY, channel="1-1", amps=0.25),
        reading("m2", NOON, volts=1),
    )

    found = await read(store, Span())

    received = moment_of(NOON + SECOND)
    early = moment_of(NOON - 5 * DAY)
    assert found == [
        StoredReading("1-1", "instant", early, received, 0, 1, (Value("current_a", 0.25, "A"),)),
        StoredReading(
            "", "instant", received, received, 0, 1,
            (Value("voltage_a", 230.1, "V"), Value("energy_forward", 2**62, "Wh")),
        ),
    ]  # fmt: skip


async def test_factors_of_one_instant_come_together_with_their_flags(
    store: Connection, store_dsn: str
) -> None:
    await write(
        store_dsn,
        factors("m1", NOON, {"a34004": 0.1, "w01018": None}, "ND"),
        factors("m1", NOON, {"e1": 3.0}),
        factors("m1", NOON + SECOND, {"e1": 4.0}),
        reading("m1", NOON, volts=5),
    )

    found = await read(store, Span())

    assert [(one.period, one.at, one.values) for one in found] == [
        ("instant", moment_of(NOON), (Value("voltage_a", 5, "V"),)),
        ("minute", moment_of(NOON), (Value("a34004", 0.1, "mg/m3", "N"), Value("e1", 3, ""))),
        ("minute", moment_of(NOON + SECOND), (Value("e1", 4, ""),)),
    ]


@pytest.mark.parametrize(
    ("span", "seconds"),
    [
        (Span(), [0, 1, 2, 3]),
        (Span(since=moment_of(NOON + SECOND)), [1, 2, 3]),
        (Span(until=moment_of(NOON + SECOND)), [0]),
        (Span(since=moment_of(NOON + SECOND), until=moment_of(NOON + 3 * SECOND)), [1, 2]),
        (Span(channel="2"), [2]),
        (Span(channel=""), [0, 1, 3]),
        (Span(period="minute"), [3]),
        (Span(period="instant", channel=""), [0, 1]),
    ],
    ids=str,
)
async def test_a_span_is_half_open_and_chooses(
    store: Connection, store_dsn: str, span: Span, seconds: list[int]
) -> None:
    await write(
        store_dsn,
        reading("m1", NOON, volts=1),
        reading("m1", NOON + SECOND, volts=1),
        reading("m1", NOON + 2 * SECOND, channel="2", volts=1),
        factors("m1", NOON + 3 * SECOND, {"e1": 3.0}),
    )

    found = await read(store, span)

    assert [(one.at - moment_of(NOON)) // timedelta(seconds=1) for one in found] == seconds


async def test_more_than_a_page_comes_whole(
    store: Connection, store_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readings_module, "PAGE_ROWS", 3)
    await write(store_dsn, *(reading("m1", NOON + n * SECOND, volts=n) for n in range(10)))

    found = await read(store, Span())

    assert [one.values[0].value for one in found] == list(range(10))
