"""Addresses that a gateway refuses are flagged until it takes one of them again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.storage.outbox.city import HOOK, TO_PERSON, WECOM, City
from tests.storage.outbox.receiver import says, status

from wattwarden.alarms.channels.channel import (
    Delivered,
    Fault,
    Outcome,
    Refused,
    RetryAt,
    Throttled,
    Unknown,
)
from wattwarden.storage.database import Connection
from wattwarden.storage.outbox.contacts import (
    ITSELF,
    LEFT_OUT,
    faulty_contacts,
    note_contacts,
    seen_in,
)

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
GONE = Refused("HTTP 410", Fault.ENDPOINT)
WRONG = Refused("40003 no such user", Fault.CONTACT)


async def note(store: Connection, outcome: Outcome, *to: str, minutes: int = 0) -> None:
    seen = seen_in(outcome, to)
    await note_contacts(store, [("wecom", seen)], NOW + timedelta(minutes=minutes))


async def flagged(store: Connection) -> dict[str, tuple[int, str]]:
    return {one.address: (one.times, one.reason) for one in await faulty_contacts(store)}


async def test_a_refused_address_is_flagged_since_when_and_why(store: Connection) -> None:
    await note(store, WRONG, "zhangsan")
    await note(store, Refused("81013 nobody", Fault.CONTACT), "zhangsan", minutes=5)
    (found,) = await faulty_contacts(store)
    assert (found.endpoint, found.address, found.times) == ("wecom", "zhangsan", 2)
    assert (found.since, found.last) == (NOW, NOW + timedelta(minutes=5))
    assert found.reason == "81013 nobody"


async def test_a_delivery_takes_the_flag_away_from_whom_it_reached(store: Connection) -> None:
    await note(store, WRONG, "zhangsan")
    await note(store, WRONG, "lisi")
    await note(store, Delivered("m1"), "zhangsan")
    assert await flagged(store) == {"lisi": (1, "40003 no such user")}


async def test_whom_a_gateway_left_out_is_flagged_and_the_others_are_not(
    store: Connection,
) -> None:
    await note(store, Delivered("m1", missed=("lisi",)), "zhangsan", "lisi")
    assert await flagged(store) == {"lisi": (1, LEFT_OUT)}


async def test_an_endpoint_that_is_gone_is_flagged_itself(store: Connection) -> None:
    await note(store, GONE, "zhangsan")
    assert await flagged(store) == {ITSELF: (1, "HTTP 410")}
    await note(store, Delivered(""), "lisi")
    assert await flagged(store) == {}


@pytest.mark.parametrize(
    "outcome",
    [Refused("HTTP 413"), RetryAt(1, "HTTP 500"), Throttled(1, "HTTP 429"), Unknown("silence")],
    ids=lambda one: type(one).__name__,
)
async def test_what_is_no_fault_of_an_address_changes_nothing(
    store: Connection, outcome: Any
) -> None:
    await note(store, outcome, "zhangsan")
    assert await flagged(store) == {}
    await note(store, WRONG, "zhangsan")
    await note(store, outcome, "zhangsan")
    assert await flagged(store) == {"zhangsan": (1, "40003 no such user")}


async def test_of_one_batch_the_last_outcome_holds(store: Connection) -> None:
    seen = [("wecom", seen_in(one, ("zhangsan",))) for one in (Delivered(""), WRONG)]
    await note_contacts(store, seen, NOW)
    assert await flagged(store) == {"zhangsan": (1, "40003 no such user")}
    await note_contacts(store, list(reversed(seen)), NOW)
    assert await flagged(store) == {}


async def test_the_courier_flags_whom_a_gateway_refuses_and_unflags_whom_it_reaches(
    city: City,
) -> None:
    await city.endpoints(WECOM + HOOK)
    token = says({"errcode": 0, "access_token": "T", "expires_in": 7200})
    refused = says({"errcode": 81013, "errmsg": "user not found"})
    taken = says({"errcode": 0, "msgid": "m"})
    city.receiver.answers.extend([token, refused])
    number = await city.notice(**TO_PERSON)
    courier = city.courier()
    await city.rounds(courier)
    assert await city.state(number) == "dead"
    assert await flagged(city.store) == {"zhangsan": (1, "81013 user not found")}
    city.receiver.answers.append(taken)
    await city.notice(**TO_PERSON)
    await city.rounds(courier)
    assert await flagged(city.store) == {}
    city.receiver.answers.append(status(410))
    await city.notice()
    await city.rounds(courier)
    assert await flagged(city.store) == {ITSELF: (1, "HTTP 410")}
