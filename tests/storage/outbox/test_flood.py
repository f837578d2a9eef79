"""A blackout that raises an alarm for every unit of a city: what its people get, and when."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import orjson
from tests.storage.outbox.city import SECOND, TO_PERSON, WECOM, City
from tests.storage.outbox.receiver import Answer, says

from wattwarden.alarms.routing.table import default_text, load_table
from wattwarden.storage.moments import moment_of

UNITS = 2_724
FIRMS = 344
# The courier goes round every second of the first ones, which is when most is sent.
ROUNDS_AT_S = (*range(20), *range(30, 1200, 60))
# When, since the blackout, somebody else's alarm becomes severe: in the midst of it all.
GRAVE_AFTER_S = 12
# A severe alarm waits for nobody; a round of the courier's is what is left.
GRAVE_TARGET_S = 5


def gateway() -> Answer:
    return says({"errcode": 0, "access_token": "T", "expires_in": 7200, "msgid": "M"})


async def blackout(city: City) -> None:
    """Every unit's alarm, to its firm's people and to the one officer of them all."""
    now = moment_of(city.time.us)
    until = now + timedelta(hours=12)
    rows = [
        (
            unit,
            f"E{unit % FIRMS}",
            now + timedelta(microseconds=unit),
            who,
            [who.lower()],
            now,
            until,
        )
        for unit in range(UNITS)
        for who in (f"D{unit % FIRMS}", "OFFICER")
    ]
    await city.store.executemany(
        "INSERT INTO outbox (alarm, enterprise, at, why, level, recipient, reason, endpoint,"
        " addressed, title, state, merges, due, created, expires) VALUES ($1, $2, $3, 'raised', 2,"
        " $4, 'first', 'wecom', $5, '断电', 'waiting', TRUE, $6, $6, $7)",
        rows,
    )


def pushed(city: City) -> Counter[str]:
    """How many messages went to whom."""
    sent = (body for path, _, body in city.receiver.got if "message/send" in path)
    return Counter(str(orjson.loads(body)["touser"]) for body in sent)


async def test_a_flood_is_bounded_for_its_readers_and_a_grave_alarm_passes_through(
    city: City,
) -> None:
    reader = load_table(default_text()).reader
    # How fast this machine is, is not what is looked at.
    city.place = replace(city.place, answer_s=30.0)
    await city.endpoints(WECOM)
    city.receiver.otherwise = gateway()
    courier, began = city.courier(), city.time.us
    await blackout(city)
    within = 0
    for second in ROUNDS_AT_S:
        city.time.us = began + second * SECOND
        if second == GRAVE_AFTER_S:
            officer = TO_PERSON | {"recipient": "OFFICER", "addressed": ["officer"]}
            grave = await city.notice(**officer, level=4)
            await city.rounds(courier)
            assert await city.state(grave) == "delivered"
            assert city.time.us - began <= (second + GRAVE_TARGET_S) * SECOND
        else:
            await city.rounds(courier)
        if second < reader.window_s:
            within = pushed(city)["officer"]
    # Four of the flood in the first ten minutes, and the grave one; all of it in one more.
    assert within == reader.count - reader.reserve + 1 == 5
    total = pushed(city)
    assert total.pop("officer") <= within + 1
    assert set(total.values()) == {1}
    states = await city.store.fetch("SELECT state, count(*) FROM outbox GROUP BY state")
    assert [tuple(row) for row in states] == [("delivered", 2 * UNITS + 1)]
