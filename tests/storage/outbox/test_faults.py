"""Gateways that fail in every way: nothing is lost, doubled without a doubt, or out of order."""

import asyncio
import random
import socket
from collections import Counter
from typing import Any

import orjson
import pytest
from tests.server.smsc import Centre
from tests.storage.outbox.city import HOOK, TO_PERSON, WECOM, City
from tests.storage.outbox.receiver import cut, hang, says, status

from wattwarden.server.courier import Courier

HOUR_S = 3600
STEP_S = 60
ALARMS = 8
SEED = 20_261_122


def check_order(city: City) -> None:
    """Of each alarm, none came first before an earlier one had come."""
    seen: dict[str, Any] = {}
    for _, headers, body in city.receiver.got:
        seen.setdefault(headers["webhook-id"], orjson.loads(body)["data"])
    last: dict[str, int] = {}
    for data in seen.values():
        alarm, number = data["title"].split()
        assert int(number) > last.get(alarm, -1)
        last[alarm] = int(number)


async def fill(city: City, each: int) -> None:
    for number in range(each):
        for alarm in range(ALARMS):
            await city.notice(alarm=alarm, title=f"{alarm} {number}")


async def left(city: City) -> int:
    found: int = await city.store.fetchval("SELECT count(*) FROM outbox WHERE state <> 'delivered'")
    return found


async def until_done(city: City, courier: Courier, most: int) -> None:
    """Go round, a step of the clock each, until everything is delivered."""
    for _ in range(most):
        await city.rounds(courier)
        if not await left(city):
            return
        city.time.pass_s(STEP_S)
    pytest.fail(f"{await left(city)} are left after {most} rounds")


async def test_through_faults_of_every_kind_nothing_is_lost_or_doubled_without_a_doubt(
    city: City,
) -> None:
    city.hurry()
    await fill(city, 4)
    noise = random.Random(SEED)
    faults = [hang, cut, status(500), status(502), status(302), status(429, **{"retry-after": "5"})]
    good = status(200)

    async def fickle(request: Any, body: bytes) -> Any:
        return await noise.choice([*faults, good, good, good])(request, body)

    city.receiver.otherwise = fickle
    await city.store.execute("UPDATE outbox SET expires = due + interval '9 days'")
    await city.endpoints(HOOK)
    await until_done(city, city.courier(), 300)
    doubts = await city.store.fetch(
        "SELECT 'ww_' || replace(o.message::text, '-', '') AS id,"
        " count(*) FILTER (WHERE a.outcome = 'unknown') AS doubts,"
        " count(*) FILTER (WHERE a.outcome IN ('retry', 'throttled')) AS refused"
        " FROM outbox AS o JOIN attempt AS a ON a.outbox = o.id GROUP BY 1"
    )
    times = Counter(city.receiver.ids)
    assert len(times) == len(doubts) == 4 * ALARMS
    assert sum(row["doubts"] for row in doubts) > 0
    for row in doubts:
        # Each answer that was no success, and each doubt, is one send; and then there is the last.
        assert times[row["id"]] == 1 + row["doubts"] + row["refused"]
    check_order(city)


async def test_a_gateway_that_is_away_for_an_hour_gets_everything_once_and_in_order(
    city: City,
) -> None:
    await city.endpoints(HOOK)
    port = int(city.receiver.url.rpartition(":")[2])
    await city.receiver.stop()
    courier = city.courier()
    for minute in range(HOUR_S // STEP_S):
        if minute % 20 == 0:
            await fill_one(city, minute)
        await city.rounds(courier)
        city.time.pass_s(STEP_S - 1)
    assert await left(city) == 3 * ALARMS
    tried = await city.store.fetchval("SELECT max(attempts) FROM outbox")
    assert 3 <= tried <= 12
    await city.receiver.start(port)
    await until_done(city, courier, 40)
    assert sorted(Counter(city.receiver.ids).values()) == [1] * 3 * ALARMS
    check_order(city)


async def fill_one(city: City, number: int) -> None:
    for alarm in range(ALARMS):
        await city.notice(alarm=alarm, title=f"{alarm} {number}")


async def test_a_name_that_cannot_be_resolved_is_tried_again_until_it_can(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = city.receiver.url.replace("127.0.0.1", "gone.example")
    await city.endpoints(HOOK.replace("URL", place))
    real, known = socket.getaddrinfo, False

    def lookup(host: Any, *more: Any, **named: Any) -> Any:
        if host == "gone.example" and not known:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return real("127.0.0.1" if host == "gone.example" else host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    number = await city.notice()
    courier = city.courier()
    await city.rounds(courier, 2)
    assert await city.outcomes(number) == ["retry"]
    reason = await city.store.fetchval("SELECT reason FROM attempt")
    assert reason == "the name cannot be resolved"
    known = True
    city.time.pass_s(15)
    await city.rounds(courier)
    assert await city.outcomes(number) == ["retry", "delivered"]
    assert len(city.receiver.got) == 1


async def test_a_token_that_expires_under_a_hundred_messages_is_fetched_once(city: City) -> None:
    await city.endpoints(WECOM)
    fetched: list[str] = []
    sent: list[str] = []

    async def gateway(request: Any, body: bytes) -> Any:
        if request.path.endswith("gettoken"):
            fetched.append(f"T{len(fetched) + 1}")
            document = {"errcode": 0, "access_token": fetched[-1], "expires_in": 7200}
            return await says(document)(request, body)
        if request.query["access_token"] == fetched[0] and len(sent) >= 10:
            return await says({"errcode": 42001})(request, body)
        sent.append(orjson.loads(body)["touser"])
        return await says({"errcode": 0, "msgid": "M"})(request, body)

    city.receiver.otherwise = gateway
    for number in range(100):
        await city.notice(**TO_PERSON | {"recipient": f"P{number}", "addressed": [f"p{number}"]})
    await city.rounds(city.courier(), 3)
    assert fetched == ["T1", "T2"]
    assert sorted(sent) == sorted(f"p{number}" for number in range(100))
    assert await left(city) == 0


# --- SMPP: whatever is in doubt waits for its report


SMSC = """
[endpoint.sms]
channel = "smpp"
settings = { host = "127.0.0.1", port = PORT, system_id = "epb", source = "10690" }
secrets = { password = "smsc" }
address = "phone"
allow = ["127.0.0.0/8"]
"""
TO_PHONE = {
    "endpoint": "sms",
    "recipient": "P1",
    "addressed": ["13800000000"],
    "merges": True,
}


async def centre_of(city: City, centre: Centre) -> None:
    await centre.start()
    (city.place.secrets / "smsc").write_text("pw-SECRT")
    await city.endpoints(HOOK + SMSC.replace("PORT", str(centre.port)))


async def reported(centre: Centre) -> None:
    async with asyncio.timeout(60):
        await centre.acknowledged.wait()


async def receipts(city: City, number: int) -> list[tuple[str, str, str]]:
    rows = await city.store.fetch(
        "SELECT kind, outcome, provider_id FROM attempt WHERE outbox = $1 ORDER BY started", number
    )
    return [tuple(row) for row in rows]


async def test_a_delivery_report_is_kept_with_the_attempt(city: City) -> None:
    centre = Centre()
    await centre_of(city, centre)
    number = await city.notice(**TO_PHONE)
    courier = city.courier()
    await city.rounds(courier)
    await reported(centre)
    await city.rounds(courier, 2)
    assert await receipts(city, number) == [
        ("send", "delivered", "C0000001"),
        ("receipt", "delivered", "C0000001"),
    ]
    assert await city.state(number) == "delivered"
    await centre.stop()


async def test_what_the_centre_took_and_then_could_not_deliver_goes_the_next_way(
    city: City,
) -> None:
    centre = Centre(state="UNDELIV")
    await centre_of(city, centre)
    number = await city.notice(**TO_PHONE, fallbacks='[["hook", "x", false]]')
    courier = city.courier()
    await city.rounds(courier)
    await reported(centre)
    await city.rounds(courier, 4)
    assert await city.state(number) == "dead"
    assert await receipts(city, number) == [
        ("send", "delivered", "C0000001"),
        ("receipt", "refused", ""),
    ]
    assert len(city.receiver.got) == 1
    await centre.stop()


@pytest.mark.parametrize(
    ("state", "sends"), [("DELIVRD", 1), ("", 2)], ids=["a report names it", "no report comes"]
)
async def test_a_part_without_an_answer_waits_for_its_report_before_it_is_sent_again(
    city: City, state: str, sends: int
) -> None:
    city.hurry()
    centre = Centre(silent=1, state=state)
    await centre_of(city, centre)
    number = await city.notice(**TO_PHONE)
    courier = city.courier()
    await city.rounds(courier)
    if state:
        await reported(centre)
    await city.rounds(courier, 3)
    assert len(centre.texts) == 1
    if not state:
        assert await city.state(number) == "asking"
        city.time.pass_s(60)
        await city.rounds(courier, 3)
    assert len(centre.texts) == sends
    assert await city.state(number) == "delivered"
    outcomes = await city.outcomes(number)
    assert outcomes == ["unknown", "delivered"] if state else ["unknown", "absent", "delivered"]
    await centre.stop()
