"""Who may ask which meters, and what is refused before anything waits."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.alarms.registry.firm import registry
from tests.storage.acting.two_firms import LONG_AGO, MORE, NOW

from wattwarden.alarms.registry.changes import difference
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.alarms.registry.registry import Registry
from wattwarden.protocol.command import CannotAskError, Command, Verb
from wattwarden.storage.commands.entering import (
    NEWEST,
    OLDEST,
    Wish,
    check_wish,
    enter_as,
    enterprises_of,
    meters_of,
)
from wattwarden.storage.commands.listing import find_command
from wattwarden.storage.database import Connection
from wattwarden.storage.meters import Meter, add_meter
from wattwarden.storage.moments import us_of
from wattwarden.storage.profiles import ProfileBody
from wattwarden.storage.registry.registry import save_registry

ASK = Command(Verb.ASK, ("0x14",))
SET = Command(Verb.SET, values={"0x14": "1"})


def past(since: int, until: int) -> Command:
    return Command(Verb.RECALL, ("minute",), since=since, until=until)


async def with_firms(store: Connection) -> None:
    await save_registry(store, difference(Registry(), registry(*MORE)), "me", now=LONG_AGO)


async def meter_in(store: Connection, codec: str = "acrel", address: str = "M1") -> Meter:
    return await add_meter(store, codec, address, actor="li", now=NOW)


def wish(meter: Meter, command: Command) -> Wish:
    return Wish(meter, command, NOW + timedelta(hours=1))


@pytest.mark.parametrize(
    ("person", "command", "may"),
    [
        ("duty1", ASK, False),
        ("duty1", SET, False),
        ("fitter1", ASK, True),
        ("fitter1", SET, False),
        ("district1", ASK, True),
        ("district1", SET, False),
        ("district2", ASK, False),
        ("city", SET, True),
        ("admin", SET, True),
        ("auditor", ASK, False),
        ("nobody", ASK, False),
    ],
    ids=lambda value: value.verb if isinstance(value, Command) else str(value),
)
async def test_people_ask_what_is_theirs(
    store: Connection, person: str, command: Command, *, may: bool
) -> None:
    await with_firms(store)
    meter = await meter_in(store)
    if not may:
        with pytest.raises(RefusedError) as refusal:
            await enter_as(store, wish(meter, command), person, NOW)
        assert refusal.value.problems[0].zh
        assert await store.fetchval("SELECT count(*) FROM command") == 0
        return
    number = await enter_as(store, wish(meter, command), person, NOW)
    found = await find_command(store, number)
    assert found is not None
    assert (found.actor, found.meter, found.state) == (person, "acrel:M1", "queued")


async def test_a_meter_of_nobodys_is_the_citys(store: Connection) -> None:
    await with_firms(store)
    meter = await meter_in(store, address="M9")
    await enter_as(store, wish(meter, ASK), "city", NOW)
    with pytest.raises(RefusedError, match="the whole city"):
        await enter_as(store, wish(meter, ASK), "district1", NOW)


async def test_whose_a_meter_is_follows_its_points(store: Connection) -> None:
    await with_firms(store)
    assert await enterprises_of(store, "acrel:M1") == ["E1"]
    assert await enterprises_of(store, "acrel:M9") == []
    assert "acrel:M1" in await meters_of(store, frozenset({"E1", "E2"}))
    assert await meters_of(store, frozenset({"E2"})) == set()


@pytest.mark.parametrize(
    ("codec", "command", "why"),
    [
        pytest.param("dlms", ASK, "cannot be asked", id="it only pushes"),
        pytest.param("acrel", Command(Verb.ASK), "nothing to ask", id="nothing"),
        pytest.param("acrel", Command(Verb.ASK, ("nonsense",)), "no item", id="no item"),
        pytest.param("dtu", ASK, "which meter", id="nobody behind the DTU"),
        *(
            pytest.param(codec, past(*span), "ten years", id=f"{codec}, {what}")
            for codec in ("hj212", "gdw376")
            for what, span in {
                "before all calendars": (-(2**62), us_of(NOW)),
                "behind all calendars": (us_of(NOW), 2**63 - 1),
                "since there are computers": (0, us_of(NOW)),
            }.items()
        ),
    ],
)
async def test_what_the_codec_cannot_ask_is_refused_at_once(
    store: Connection, tmp_path: Path, codec: str, command: Command, why: str
) -> None:
    meter = await meter_in(store, codec)
    with pytest.raises(CannotAskError, match=why):
        await check_wish(store, wish(meter, command), tmp_path, NOW)


async def test_a_stretch_of_the_past_is_asked_for(store: Connection, tmp_path: Path) -> None:
    meter = await meter_in(store, "hj212")
    command = past(us_of(NOW - OLDEST), us_of(NOW + NEWEST))
    await check_wish(store, wish(meter, command), tmp_path, NOW)


async def test_a_meter_behind_a_dtu_is_asked_as_that_dtu_is_configured(
    store: Connection, tmp_path: Path
) -> None:
    options = {"meters": [{"address": "170516665384"}]}
    await add_meter(store, "dtu", "861", profile=ProfileBody(options=options), actor="x", now=NOW)
    meter = await meter_in(store, "dtu", "170516665384")
    voltage = wish(meter, Command(Verb.ASK, ("voltage",)))
    await check_wish(store, voltage, tmp_path, NOW)
    alone = await meter_in(store, "dtu", "170516665385")
    with pytest.raises(CannotAskError, match="which meter"):
        await check_wish(store, wish(alone, ASK), tmp_path, NOW)
