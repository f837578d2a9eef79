"""The courier against a gateway of real sockets and a real database, by a clock of its own."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
import pytest_asyncio
from tests.storage.outbox.receiver import Answer, Receiver, cut, hang, says, status

from wattwarden.alarms.routing.bodies import Routing
from wattwarden.alarms.routing.table import default_text
from wattwarden.server.clock import Clock
from wattwarden.server.courier import Courier, Place
from wattwarden.storage.database import Connection
from wattwarden.storage.moments import moment_of
from wattwarden.storage.outbox.listing import Wanted, resend
from wattwarden.storage.registry.decisions import Decision, enter

SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105  the published one
BEGAN: Final = 1_795_300_000_000_000  # microseconds UTC, in November 2026
SECOND: Final = 1_000_000


class Time:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.us = BEGAN

    def clock(self) -> Clock:
        return Clock(lambda: self.us * 1000, lambda: self.us * 1000)

    def pass_s(self, seconds: float) -> None:
        self.us += int(seconds * SECOND)


class City:
    """A gateway, a store, and couriers that one lets go round by round."""

    def __init__(self, store: Connection, dsn: str, folder: Path) -> None:
        self.store = store
        self.time = Time()
        self.receiver = Receiver()
        self.place = Place(dsn, folder, lambda _alarm, _who, _when: "", answer_s=0.3)
        self.couriers: list[Courier] = []
        self._made = 0

    def courier(self) -> Courier:
        made = Courier(self.place, self.time.clock(), wall=lambda: self.time.us)
        self.couriers.append(made)
        return made

    async def endpoints(self, text: str) -> None:
        text = default_text() + text.replace("URL", self.receiver.url)
        body = Routing(version="test", text=text)
        await enter(self.store, Decision(body, "me", moment_of(BEGAN)))

    async def notice(self, **more: Any) -> int:
        self._made += 1
        now = moment_of(self.time.us)
        values = {
            "alarm": self._made,
            "enterprise": f"E{self._made}",
            "at": now + timedelta(microseconds=self._made),
            "why": "raised",
            "level": 2,
            "recipient": "stream:hook",
            "reason": "first",
            "endpoint": "hook",
            "addressed": [],
            "title": f"title {self._made}",
            "state": "waiting",
            "due": now,
            "created": now,
            "expires": now + timedelta(hours=12),
            **more,
        }
        names, marks = ", ".join(values), ", ".join(f"${n + 1}" for n in range(len(values)))
        number: int = await self.store.fetchval(
            f"INSERT INTO outbox ({names}) VALUES ({marks}) RETURNING id",  # noqa: S608  ours
            *values.values(),
        )
        return number

    async def rounds(self, courier: Courier, count: int = 1) -> None:
        for _ in range(count):
            await courier.round()
            if courier._tasks:
                await asyncio.wait(courier._tasks)
            await courier.round()
            self.time.pass_s(1)

    async def state(self, number: int) -> str:
        found: str = await self.store.fetchval("SELECT state FROM outbox WHERE id = $1", number)
        return found

    async def outcomes(self, number: int) -> list[str]:
        rows = await self.store.fetch(
            "SELECT outcome FROM attempt WHERE outbox = $1 ORDER BY started, number", number
        )
        return [row["outcome"] for row in rows]


@pytest_asyncio.fixture(loop_scope="session")
async def city(store: Connection, store_dsn: str, tmp_path: Path) -> AsyncIterator[City]:
    (tmp_path / "hook-key").write_text(SECRET + "\n")
    (tmp_path / "corp").write_text("corp-secret")
    (tmp_path / "robot").write_text("robot-key")
    made = City(store, store_dsn, tmp_path)
    await made.receiver.start()
    yield made
    for courier in made.couriers:
        await courier._leave()
    await made.receiver.stop()


HOOK: Final = """
[endpoint.hook]
channel = "webhook"
settings = { url = "URL/in" }
secrets = { secret = "hook-key" }
allow = ["127.0.0.0/8"]

[endpoint.other]
channel = "webhook"
settings = { url = "URL/other" }
secrets = { secret = "hook-key" }
allow = ["127.0.0.0/8"]
"""
WECOM: Final = """
[endpoint.wecom]
channel = "wecom_app"
settings = { corpid = "C", agentid = 1, base = "URL" }
secrets = { corpsecret = "corp" }
address = "wechat"
allow = ["127.0.0.0/8"]
"""
TO_PERSON: Final = {
    "endpoint": "wecom",
    "recipient": "P1",
    "addressed": ["zhangsan"],
    "merges": True,
}


async def test_a_notice_is_delivered_signed_and_its_attempt_is_kept(city: City) -> None:
    await city.endpoints(HOOK)
    number = await city.notice()
    await city.rounds(city.courier())
    ((path, headers, body),) = city.receiver.got
    assert path == "/in"
    assert headers["webhook-signature"].startswith("v1,")
    assert orjson.loads(body)["data"]["title"] == "title 1"
    assert await city.state(number) == "delivered"
    assert await city.outcomes(number) == ["delivered"]


@pytest.mark.parametrize(
    ("answer", "outcome", "wait_s"),
    [
        (status(500), "retry", 10),
        (status(429, **{"retry-after": "120"}), "throttled", 121),
        (hang, "unknown", 10),
        (cut, "unknown", 10),
        (status(302, location="/elsewhere"), "retry", 10),
    ],
    ids=["500", "429-with-retry-after", "time-out-after-acceptance", "cut-mid-answer", "redirect"],
)
async def test_what_fails_is_sent_again_later_under_the_same_id(
    city: City, answer: Answer, outcome: str, wait_s: float
) -> None:
    await city.endpoints(HOOK)
    number = await city.notice()
    city.receiver.answers.append(answer)
    courier = city.courier()
    await city.rounds(courier, 2)
    assert await city.outcomes(number) == [outcome]
    assert await city.state(number) == "waiting"
    assert len(city.receiver.got) == 1
    city.time.pass_s(wait_s)
    await city.rounds(courier)
    assert await city.outcomes(number) == [outcome, "delivered"]
    assert len(city.receiver.got) == 2
    assert len(set(city.receiver.ids)) == 1
    assert {path for path, _, _ in city.receiver.got} == {"/in"}


async def test_while_a_credential_rests_nothing_else_is_sent_by_it(city: City) -> None:
    await city.endpoints(HOOK)
    await city.notice()
    city.receiver.answers.append(status(429, **{"retry-after": "60"}))
    courier = city.courier()
    await city.rounds(courier)
    await city.notice()
    await city.notice(endpoint="other")
    await city.rounds(courier, 3)
    assert [path for path, _, _ in city.receiver.got] == ["/in", "/other"]
    city.time.pass_s(60)
    await city.rounds(courier, 2)
    assert len(city.receiver.got) == 4


async def test_notices_of_one_alarm_keep_their_order_through_failures(city: City) -> None:
    await city.endpoints(HOOK)
    first = await city.notice(alarm=7)
    second = await city.notice(alarm=7, why="cleared", title="second")
    free = await city.notice(alarm=8)
    city.receiver.answers.extend([status(500), status(200)])
    courier = city.courier()
    await city.rounds(courier, 3)
    assert [await city.state(one) for one in (first, second, free)] == [
        "waiting",
        "waiting",
        "delivered",
    ]
    city.time.pass_s(10)
    await city.rounds(courier, 3)
    titles = [orjson.loads(body)["data"]["title"] for _, _, body in city.receiver.got]
    assert titles == ["title 1", "title 3", "title 1", "second"]


async def test_what_another_courier_left_in_hand_is_sent_once_more_under_its_id(
    city: City,
) -> None:
    await city.endpoints(HOOK)
    number = await city.notice()
    city.receiver.answers.append(hang)
    dying = city.courier()
    await dying.round()
    while not city.receiver.got:
        await asyncio.wait(dying._tasks, timeout=0.01)
    assert await city.state(number) == "sending"
    # Killed: its tasks and its connection end without a word.
    for task in dying._tasks:
        task.cancel()
    assert dying._connection is not None
    dying._connection.terminate()
    await asyncio.wait(dying._tasks)
    heir = city.courier()
    while heir._connection is None:
        await heir._ready()
    await city.rounds(heir)
    city.time.pass_s(10)
    await city.rounds(heir)
    assert await city.state(number) == "delivered"
    assert len(city.receiver.got) == 2
    assert len(set(city.receiver.ids)) == 1
    assert await city.outcomes(number) == ["unknown", "delivered"]


async def test_one_courier_sends_at_a_time(city: City) -> None:
    await city.endpoints(HOOK)
    first, second = city.courier(), city.courier()
    assert await first._ready() is not None
    assert await second._ready() is None


async def test_what_came_back_while_the_database_was_away_is_kept_afterwards(city: City) -> None:
    await city.endpoints(HOOK)
    number = await city.notice()
    courier = city.courier()
    await courier.round()
    await asyncio.wait(courier._tasks)
    assert courier._connection is not None
    courier._connection.terminate()
    while await city.state(number) != "delivered":
        await courier.round()
    assert len(city.receiver.got) == 1


async def test_an_expired_token_is_fetched_once_more_and_the_message_sent(city: City) -> None:
    await city.endpoints(WECOM)
    tokens = iter(["T1", "T2"])
    fetched = []

    async def gateway(request: Any, body: bytes) -> Any:
        if request.path.endswith("gettoken"):
            fetched.append(next(tokens))
            document: dict[str, Any] = {"errcode": 0, "access_token": fetched[-1]}
            return await says(document | {"expires_in": 7200})(request, body)
        if request.query["access_token"] == fetched[0]:
            return await says({"errcode": 42001, "errmsg": "expired"})(request, body)
        return await says({"errcode": 0, "msgid": "M9"})(request, body)

    city.receiver.otherwise = gateway
    number = await city.notice(**TO_PERSON)
    await city.rounds(city.courier())
    assert fetched == ["T1", "T2"]
    row = await city.store.fetchrow("SELECT state, provider_id, attempts FROM outbox")
    assert row is not None
    assert tuple(row) == ("delivered", "M9", 1)
    assert await city.outcomes(number) == ["delivered"]


async def test_messages_that_meet_an_expired_token_together_fetch_one_new_token(
    city: City,
) -> None:
    await city.endpoints(WECOM)
    fetched: list[str] = []

    async def gateway(request: Any, body: bytes) -> Any:
        if request.path.endswith("gettoken"):
            fetched.append(f"T{len(fetched) + 1}")
            document = {"errcode": 0, "access_token": fetched[-1], "expires_in": 7200}
            return await says(document)(request, body)
        stale = request.query["access_token"] == fetched[0]
        return await says({"errcode": 42001 if stale else 0})(request, body)

    city.receiver.otherwise = gateway
    for number in range(5):
        await city.notice(**TO_PERSON | {"recipient": f"P{number}", "addressed": [f"p{number}"]})
    await city.rounds(city.courier())
    assert fetched == ["T1", "T2"]
    states = await city.store.fetch("SELECT DISTINCT state FROM outbox")
    assert [row["state"] for row in states] == ["delivered"]


def good_gateway() -> Answer:
    token = {"errcode": 0, "access_token": "T", "expires_in": 7200, "msgid": "M"}
    return says(token)


async def test_a_burst_is_bounded_for_its_reader_and_level_four_goes_through(city: City) -> None:
    await city.endpoints(WECOM)
    city.receiver.otherwise = good_gateway()
    courier = city.courier()
    numbers = [await city.notice(**TO_PERSON) for _ in range(100)]
    await city.rounds(courier, 60)

    def sent() -> list[str]:
        return [path for path, _, _ in city.receiver.got if "message/send" in path]

    assert len(sent()) == 4
    grave = await city.notice(**TO_PERSON, level=4)
    await city.rounds(courier)
    assert await city.state(grave) == "delivered"
    assert len(sent()) == 5
    city.time.pass_s(600)
    await city.rounds(courier, 10)
    assert len(sent()) == 6
    assert "汇总" in city.receiver.got[-1][2].decode()
    assert {await city.state(number) for number in numbers} == {"delivered"}


async def test_a_blackout_of_2724_units_is_a_handful_of_messages_for_its_officer(
    city: City,
) -> None:
    await city.endpoints(WECOM)
    city.receiver.otherwise = good_gateway()
    courier = city.courier()
    now = moment_of(BEGAN)
    await city.store.executemany(
        "INSERT INTO outbox (alarm, enterprise, at, why, level, recipient, reason, endpoint,"
        " addressed, title, state, merges, due, created, expires) VALUES ($1, $2, $3, 'raised', 2,"
        " 'P1', 'first', 'wecom', '{zhangsan}', 't', 'waiting', TRUE, $3, $3, $4)",
        [(1000 + n, f"F{n % 340}", now, now + timedelta(hours=12)) for n in range(2724)],
    )

    def sent() -> int:
        return sum("message/send" in path for path, _, _ in city.receiver.got)

    await city.rounds(courier, 10)
    assert sent() == 4
    grave = await city.notice(**TO_PERSON, level=4)
    await city.rounds(courier)
    assert await city.state(grave) == "delivered"
    while await city.store.fetchval("SELECT count(*) FROM outbox WHERE state = 'waiting'"):
        city.time.pass_s(60)
        await city.rounds(courier)
    assert sent() <= 10
    assert city.time.us - BEGAN < 1800 * SECOND


async def test_a_refused_contact_is_reached_the_next_way_at_once(city: City) -> None:
    await city.endpoints(WECOM + HOOK)
    city.receiver.answers.append(good_gateway())
    city.receiver.answers.append(says({"errcode": 81013, "errmsg": "nobody"}))
    number = await city.notice(
        **TO_PERSON,
        fallbacks='[["other", "x", false]]',
        fallback_at=moment_of(BEGAN + 3600 * SECOND),
        fallback_wait=timedelta(hours=1),
    )
    await city.rounds(city.courier(), 3)
    assert await city.state(number) == "dead"
    row = await city.store.fetchrow("SELECT * FROM outbox WHERE endpoint = 'other'")
    assert row is not None
    assert row["state"] == "delivered"
    assert row["detail"].startswith("after wecom: 81013")


async def test_what_lingers_goes_the_next_way_as_well(city: City) -> None:
    await city.endpoints(HOOK)
    city.receiver.answers.append(status(500))
    number = await city.notice(
        fallbacks='[["other", "x", false]]',
        fallback_at=moment_of(BEGAN + 2 * SECOND),
        fallback_wait=timedelta(hours=1),
    )
    courier = city.courier()
    await city.rounds(courier, 4)
    assert [path for path, _, _ in city.receiver.got] == ["/in", "/other"]
    city.time.pass_s(10)
    await city.rounds(courier)
    assert await city.state(number) == "delivered"


async def test_what_nobody_is_helped_by_any_more_expires_and_can_be_sent_by_hand(
    city: City,
) -> None:
    await city.endpoints(HOOK)
    city.receiver.otherwise = status(503)
    number = await city.notice(expires=moment_of(BEGAN + 3600 * SECOND))
    courier = city.courier()
    for _ in range(70):
        await city.rounds(courier)
        city.time.pass_s(60)
    assert await city.state(number) == "expired"
    tried = len(city.receiver.got)
    city.receiver.otherwise = status(200)
    now = moment_of(city.time.us)
    wanted = Wanted(numbers=[number], limit=1)
    assert await resend(city.store, wanted, now, now + timedelta(hours=1)) == [number]
    await city.rounds(courier, 2)
    assert await city.state(number) == "delivered"
    assert len(city.receiver.got) == tried + 1
    assert len(set(city.receiver.ids)) == 1
    assert "迟到" in orjson.loads(city.receiver.got[-1][2])["data"]["title"]


async def test_an_answer_that_cannot_be_read_is_in_doubt_and_ends_after_three(city: City) -> None:
    await city.endpoints(
        '[endpoint.robot]\nchannel = "wecom_robot"\nsettings = { base = "URL" }\n'
        'secrets = { key = "robot" }\nallow = ["127.0.0.0/8"]\n'
    )
    city.receiver.otherwise = status(200, "{malformed")
    number = await city.notice(endpoint="robot", recipient="stream:robot", merges=True)
    courier = city.courier()
    for _ in range(10):
        await city.rounds(courier)
        city.time.pass_s(120)
    assert await city.outcomes(number) == ["unknown"] * 3
    assert await city.state(number) == "dead"
    words = await city.store.fetchval("SELECT string_agg(reason, '') FROM attempt")
    assert "robot-key" not in words


SMS: Final = """
[endpoint.sms]
channel = "aliyun_sms"
settings = { sign_name = "S", template = "SMS_1", variables = { a = "title" }, base = "URL" }
secrets = { key_id = "corp", key_secret = "robot" }
address = "phone"
allow = ["127.0.0.0/8"]
"""


@pytest.mark.parametrize(
    ("known", "sends"), [("it", 1), ("", 2)], ids=["it-has-it", "it-knows-nothing-of-it"]
)
async def test_after_a_time_out_the_receipt_is_asked_for_before_a_second_send(
    city: City,
    known: str,
    sends: int,
) -> None:
    await city.endpoints(SMS)
    calls: list[str] = []

    async def gateway(request: Any, body: bytes) -> Any:
        action = request.headers["x-acs-action"]
        calls.append(action)
        if action == "SendSms":
            if len(calls) == 1:
                return await hang(request, body)
            return await says({"Code": "OK", "BizId": "B1"})(request, body)
        message = await city.store.fetchval("SELECT message FROM outbox")
        out_id = f"ww_{message.hex}"
        records = [{"OutId": out_id, "SendStatus": 3}] if known else []
        held = {"SmsSendDetailDTO": records}
        return await says({"Code": "OK", "SmsSendDetailDTOs": held})(request, body)

    city.receiver.otherwise = gateway
    person = {"endpoint": "sms", "recipient": "P1", "addressed": ["13800000000"], "merges": True}
    number = await city.notice(**person)
    courier = city.courier()
    await city.rounds(courier)
    assert await city.state(number) == "asking"
    city.time.pass_s(40)
    await city.rounds(courier, 3)
    assert calls[:2] == ["SendSms", "QuerySendDetails"]
    assert calls.count("SendSms") == sends
    assert await city.state(number) == "delivered"


async def test_limits_are_remembered_from_one_courier_to_the_next(city: City) -> None:
    await city.endpoints(WECOM)
    city.receiver.otherwise = good_gateway()
    first = city.courier()
    for _ in range(4):
        await city.notice(**TO_PERSON)
        await city.rounds(first)
    await first._leave()
    city.couriers.remove(first)
    waiting = await city.notice(**TO_PERSON)
    heir = city.courier()
    while heir._connection is None:
        await heir._ready()
    await city.rounds(heir, 3)
    assert await city.state(waiting) == "waiting"


async def test_a_private_address_is_refused_and_the_notice_is_listed_as_dead(city: City) -> None:
    await city.endpoints(HOOK.replace('allow = ["127.0.0.0/8"]', ""))
    number = await city.notice()
    await city.rounds(city.courier())
    assert city.receiver.got == []
    assert await city.state(number) == "dead"
    outcome = await city.store.fetchval("SELECT outcome FROM outbox WHERE id = $1", number)
    assert "127.0.0.1 is refused" in outcome
