"""What machines are told of an alarm goes with its notice, by whichever way it goes in the end."""

from datetime import timedelta

import msgspec
import orjson
from tests.alarms.channels.support import FACTS
from tests.storage.outbox.city import HOOK, City
from tests.storage.outbox.receiver import status

from wattwarden.alarms.channels.facts import Document
from wattwarden.storage.moments import moment_of

KEPT = msgspec.json.encode(FACTS).decode()


def got(city: City) -> list[tuple[str, Document]]:
    return [(path, msgspec.json.decode(body, type=Document)) for path, _, body in city.receiver.got]


async def test_a_webhook_holds_the_alarm_and_why_it_is_told(city: City) -> None:
    await city.endpoints(HOOK)
    await city.notice(alarm=17, reason="worse", facts=KEPT)
    await city.rounds(city.courier())
    ((_, document),) = got(city)
    assert document.data.alarm == FACTS
    assert (document.type, document.data.reason) == ("alarm.raised", "worse")
    assert document.data.late_min == 0


async def test_what_is_late_says_by_how_much(city: City) -> None:
    await city.endpoints(HOOK)
    now = moment_of(city.time.us)
    await city.notice(facts=KEPT, at=now - timedelta(hours=2), due=now - timedelta(hours=2))
    await city.rounds(city.courier())
    ((_, document),) = got(city)
    assert document.data.late_min == 120
    assert document.data.title.startswith("【迟到120分钟】")


async def test_the_next_way_is_told_the_same(city: City) -> None:
    await city.endpoints(HOOK)
    city.receiver.answers.append(status(413))
    now = moment_of(city.time.us)
    await city.notice(
        facts=KEPT,
        fallbacks=orjson.dumps([["other", "x", False]]).decode(),
        fallback_at=now + timedelta(hours=1),
        fallback_wait=timedelta(hours=1),
    )
    await city.rounds(city.courier(), 3)
    assert [(path, one.data.alarm) for path, one in got(city)] == [
        ("/in", FACTS),
        ("/other", FACTS),
    ]


async def test_a_notice_that_an_older_program_wrote_is_sent_without(city: City) -> None:
    await city.endpoints(HOOK)
    await city.notice()
    await city.rounds(city.courier())
    ((_, document),) = got(city)
    assert document.data.alarm is None
