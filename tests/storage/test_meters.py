from datetime import UTC, datetime
from typing import Any

import pytest

from wattwarden.storage.database import Connection
from wattwarden.storage.errors import StorageError
from wattwarden.storage.meters import (
    MeterName,
    MeterState,
    NoSuchMeter,
    accept_meters,
    add_meter,
    find_meter,
    list_meters,
    parse_meter,
    set_profile,
)
from wattwarden.storage.profiles import CHANNEL, ProfileBody

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)


async def enrolled(store: Connection, codec: str, address: str) -> int:
    number: int = await store.fetchval(
        "INSERT INTO meter (codec, address, state, enrolled_at, enrolled_from)"
        " VALUES ($1, $2, 'unconfirmed', $3, '1.1.1.1') RETURNING id",
        codec,
        address,
        NOW,
    )
    return number


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("acrel:123", MeterName("acrel", "123", None)),
        ("123", MeterName(None, "123", None)),
        ("acrel:123/1-1", MeterName("acrel", "123", "1-1")),
        ("123/", MeterName(None, "123", "")),
        ("dtu:a:b", MeterName("dtu", "a:b", None)),
    ],
)
def test_a_name_is_taken_apart(text: str, name: MeterName) -> None:
    assert parse_meter(text) == name


@pytest.mark.parametrize("text", ["", "acrel:", ":123", "/1", "acrel:/1"])
def test_a_name_without_an_address_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="a meter is codec:address"):
        parse_meter(text)


async def test_an_address_is_enough_while_it_is_unique(store: Connection) -> None:
    await enrolled(store, "acrel", "123")
    found = await find_meter(store, parse_meter("123"))
    assert (found.name, found.state) == ("acrel:123", MeterState.UNCONFIRMED)
    assert (found.version, found.profile) == (0, ProfileBody())

    await enrolled(store, "hj212", "123")
    with pytest.raises(NoSuchMeter, match="say which of acrel:123, hj212:123"):
        await find_meter(store, parse_meter("123"))
    assert (await find_meter(store, parse_meter("hj212:123/1"))).codec == "hj212"
    with pytest.raises(NoSuchMeter, match="no meter acrel:9"):
        await find_meter(store, parse_meter("acrel:9"))


async def test_a_meter_added_by_hand_is_accepted_and_configured(store: Connection) -> None:
    body = ProfileBody(zone="Asia/Urumqi", cycle_s=60, key="m1.key", options={"ack_cp": "x"})

    meter = await add_meter(store, "hj212", "m1", profile=body, actor="li", now=NOW)

    assert (meter.state, meter.enrolled_at, meter.enrolled_from) == ("accepted", NOW, None)
    assert (meter.accepted_at, meter.accepted_by) == (NOW, "li")
    assert (meter.version, meter.profile) == (1, body)
    with pytest.raises(StorageError, match="hj212:m1 is registered already"):
        await add_meter(store, "hj212", "m1", actor="li", now=NOW)


@pytest.mark.parametrize("address", ["", "x" * 65, "a\0", "a\n"])
async def test_an_address_that_no_meter_has_is_refused(store: Connection, address: str) -> None:
    with pytest.raises(ValueError, match="address"):
        await add_meter(store, "hj212", address, actor="li", now=NOW)


async def test_accepting_says_how_many_it_changed(store: Connection) -> None:
    numbers = [await enrolled(store, "acrel", address) for address in ("1", "2", "3")]

    assert await accept_meters(store, numbers[:2], actor="li", now=NOW) == 2
    assert await accept_meters(store, numbers, actor="wu", now=NOW) == 1

    found = await list_meters(store, state=MeterState.ACCEPTED)
    assert [(meter.address, meter.accepted_by) for meter in found] == [
        ("1", "li"), ("2", "li"), ("3", "wu"),
    ]  # fmt: skip


async def test_each_change_of_a_profile_is_a_version(store: Connection) -> None:
    number = await enrolled(store, "acrel", "1")
    first, second = ProfileBody(cycle_s=60), ProfileBody(cycle_s=300)

    versions = [
        await set_profile(store, number, body, actor="li", now=NOW)
        for body in (first, first, second, first)
    ]

    assert versions == [1, 1, 2, 3]
    assert (await find_meter(store, parse_meter("1"))).profile == first
    assert await store.fetchval("SELECT count(*) FROM meter_profile") == 3


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (ProfileBody(zone="Mars/Olympus"), "no such zone: 'Mars/Olympus'"),
        (ProfileBody(cycle_s=0), "cycle is 0 s, allowed are 1 to 86400"),
        (ProfileBody(key="../postgres"), "key names a file"),
        (ProfileBody(options={"a": "x" * 20_000}), "at most 16384"),
    ],
    ids=["zone", "cycle", "key", "size"],
)
async def test_a_profile_that_could_not_be_used_is_refused(
    store: Connection, body: ProfileBody, message: str
) -> None:
    number = await enrolled(store, "acrel", "1")
    with pytest.raises(ValueError, match=message):
        await set_profile(store, number, body, actor="li", now=NOW)


async def test_a_list_is_filtered_and_paged(store: Connection) -> None:
    for codec, address in (("acrel", "1"), ("hj212", "2"), ("acrel", "3")):
        await enrolled(store, codec, address)

    assert [meter.name for meter in await list_meters(store, codec="acrel")] == [
        "acrel:1",
        "acrel:3",
    ]
    (first, second) = await list_meters(store, most=2)
    assert [meter.name for meter in await list_meters(store, after_id=second.id)] == ["acrel:3"]
    assert first.id < second.id
    assert await list_meters(store, state=MeterState.ACCEPTED) == []


async def test_every_change_is_told(store: Connection) -> None:
    told: list[Any] = []

    def hear(*notice: object) -> None:
        told.append(notice)

    await store.add_listener(CHANNEL, hear)

    meter = await add_meter(store, "acrel", "1", actor="li", now=NOW)
    await set_profile(store, meter.id, ProfileBody(cycle_s=9), actor="li", now=NOW)
    await set_profile(store, meter.id, ProfileBody(cycle_s=9), actor="li", now=NOW)
    await accept_meters(store, [meter.id], actor="li", now=NOW)
    await store.fetchval("SELECT 1")

    await store.remove_listener(CHANNEL, hear)
    assert len(told) == 3
