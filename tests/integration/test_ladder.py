"""One alarm from its raise to its end: every rung, the answer from a phone, what the firm is told.

The store, the courier, the gateway and the page are real; time is set, and the alarm is stored as
the fold would have stored it.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import orjson
import pytest
import pytest_asyncio
from tests.alarms.cases.photo import photo
from tests.console.desk import Desk
from tests.storage.cases.city import LONG_AGO, action, after, known, with_alarm
from tests.storage.outbox.city import City
from tests.storage.outbox.receiver import says
from tests.storage.store import EMPTY_STORE

from wattwarden.alarms.cases.bodies import Verb
from wattwarden.alarms.decisions.slices import slice_of
from wattwarden.alarms.registry.changes import difference
from wattwarden.alarms.registry.nouns import Person, Role
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.routing.bodies import Reach
from wattwarden.alarms.rulebook import default_rules
from wattwarden.server.answering import link_of
from wattwarden.server.following import follow
from wattwarden.storage.cases.evidence import Arrived
from wattwarden.storage.cases.together import act_with_files
from wattwarden.storage.database import Connection
from wattwarden.storage.moments import us_of
from wattwarden.storage.registry.decisions import Decision
from wattwarden.storage.registry.entering import enter
from wattwarden.storage.registry.registry import save_registry
from wattwarden.storage.system_time import mark_simulated
from wattwarden.storage.warden.followed import Followed

pytestmark = pytest.mark.integration

DAY_MIN = 1440
# Whether a condition lasted is known when its end would have come by now.
LAG_MIN = 15
WECOM = """
[endpoint.wecom]
channel = "wecom_app"
settings = { corpid = "C", agentid = 1, base = "URL" }
secrets = { corpsecret = "corp" }
address = "wecom"
allow = ["127.0.0.0/8"]
"""
CITY_OFFICER = Person(id="P6", name="钱支", role=Role.CITY_OFFICER, agency="A")
TOLD = ("P1", "P2", "P3", "P6")


def registry() -> Registry:
    """The firm's people and its agencies', the city's officer among them."""
    everybody = known()
    everybody.put("person", CITY_OFFICER)
    return everybody


class Story:
    """A city whose minutes pass as one says, and what its people are told meanwhile."""

    def __init__(self, store: Connection, city: City, desk: Desk) -> None:
        self.store = store
        self.city = city
        self.desk = desk
        self.courier = city.courier()
        self.links: dict[str, str] = {}
        self._seen = 0

    async def at(self, minutes: float) -> list[tuple[str, str]]:
        """Come to a moment: a pass, and whatever is sent then, as (whom, the title's mark)."""
        await self.now(minutes)
        now = after(minutes)
        since = now - timedelta(seconds=1)
        passed = Followed(registry(), default_rules(), (slice_of("E1"),), since, now)
        await follow(self.store, passed)
        self.city.time.pass_s(2)
        await self.city.rounds(self.courier, 3)
        fresh = self.fresh()
        for one in fresh:
            self.links[one["touser"]] = urlsplit(one["textcard"]["url"]).path
        return sorted((one["touser"], one["textcard"]["title"].split("】")[0]) for one in fresh)

    async def did(self, minutes: float, verb: Verb, who: str, number: int) -> None:
        """Somebody of the platform does something about the alarm."""
        await self.at(minutes)
        files = [Arrived(photo("2026:11:23 09:00:00"), "x.jpg", "alarm", str(number))]
        sent = files if verb is Verb.RECTIFY else []
        await act_with_files(self.store, action(number, verb), sent, who, after(minutes))

    async def now(self, minutes: float) -> None:
        moment = after(minutes)
        self.city.time.us = us_of(moment)
        self.desk.time.us = us_of(moment)
        await self.store.execute("UPDATE tick SET second = $1", int(moment.timestamp()))

    def fresh(self) -> list[Any]:
        """The messages that came since one looked last."""
        messages = [
            orjson.loads(body) for path, _, body in self.city.receiver.got if "message/send" in path
        ]
        new = messages[self._seen :]
        self._seen = len(messages)
        return new


@pytest_asyncio.fixture
async def story(store_server: str, tmp_path: Path) -> AsyncIterator[Story]:
    store = await asyncpg.connect(store_server)
    await store.execute(EMPTY_STORE)
    (tmp_path / "corp").write_text("corp-secret")
    desk = Desk(store_server, tmp_path)
    await desk.start()
    city = City(store, store_server, tmp_path)
    city.place = replace(city.place, link=link_of(desk.keys, "https://ww.example"), answer_s=10.0)
    await city.receiver.start()
    city.receiver.otherwise = says(
        {"errcode": 0, "access_token": "T", "expires_in": 7200, "msgid": "M"}
    )
    await prepare(store, city)
    yield Story(store, city, desk)
    for courier in city.couriers:
        await courier.leave()
    await city.receiver.stop()
    await desk.stop()
    await store.close()


async def prepare(store: Connection, city: City) -> None:
    """People with addresses, a way to reach them, and a time that is a simulation's."""
    await save_registry(store, difference(Registry(), registry()), "me", now=LONG_AGO)
    await city.endpoints(WECOM)
    for person in TOLD:
        body = Reach(id=person, addresses={"wecom": person.lower()})
        await enter(store, Decision(body, "me", after(-100)))
    await mark_simulated(store)
    await store.execute("INSERT INTO tick VALUES (0, 1, 0, 1)")
    await store.execute("INSERT INTO journal_position VALUES (0, 1, 1)")


async def test_an_alarm_climbs_its_ladder_is_answered_from_a_phone_and_is_told_to_be_over(
    story: Story,
) -> None:
    number = await with_alarm(story.store)
    assert await story.at(1) == [("p2", "【预警")]
    assert await story.at(30 + LAG_MIN) == [
        ("p1", "【报警"), ("p2", "【报警·等级升高"), ("p3", "【报警"),
    ]  # fmt: skip
    for minutes in (60, 90):
        repeated = [(one, "【报警·重复提醒") for one in ("p1", "p2", "p3")]
        assert await story.at(minutes + LAG_MIN) == repeated
    assert await story.at(120 + LAG_MIN) == [
        ("p1", "【严重报警·等级升高"), ("p2", "【严重报警·等级升高"),
        ("p3", "【严重报警·等级升高"), ("p6", "【严重报警"),
    ]  # fmt: skip

    await story.now(140)
    page = await story.desk.get(story.links["p2"])
    done = await story.desk.post(f"{story.links['p2']}/acknowledge", {"mark": page.mark})
    assert done.status == 303
    actor = await story.store.fetchval("SELECT actor FROM decision WHERE kind = 'action'")
    assert actor == "P2"

    assert await story.at(150 + LAG_MIN) == []
    # What was repeated since, and the last rung, in one message each.
    everybody = [person.lower() for person in TOLD]
    assert await story.at(DAY_MIN + LAG_MIN) == [(one, "【严重报警") for one in everybody]

    await story.did(DAY_MIN + 20, Verb.HANDLE, "P2", number)
    await story.did(DAY_MIN + 30, Verb.RECTIFY, "P2", number)
    ended = "UPDATE alarm SET ended = $1 WHERE id = $2"
    await story.store.execute(ended, after(DAY_MIN + 25), number)
    # Ten minutes later it is sure that it does not come back, and an officer may say so.
    assert await story.at(DAY_MIN + 45) == [(one, "【已消除") for one in everybody]
    await story.did(DAY_MIN + 50, Verb.VERIFY, "P1", number)
    assert await story.at(2 * DAY_MIN) == []
    state = await story.store.fetchval("SELECT state FROM alarm_case WHERE alarm = $1", number)
    assert state == "verified"
