"""The courier against a gateway of real sockets and a real database, by a clock of its own."""

import asyncio
from datetime import timedelta
from typing import Any

import orjson
import pytest
from tests.storage.outbox.city import BEGAN, HOOK, ROBOT, SECOND, SMS, TO_PERSON, WECOM, City
from tests.storage.outbox.receiver import Answer, cut, hang, says, status

from wattwarden.server.switchboard import REFUSING_RESTS_S
from wattwarden.storage.moments import moment_of
from wattwarden.storage.outbox.listing import Wanted, resend


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
    if answer is hang:
        city.hurry()
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
        await asyncio.wait(dying._errands.tasks, timeout=0.01)
    assert await city.state(number) == "sending"
    # Killed: its tasks and its connection end without a word.
    for task in dying._errands.tasks:
        task.cancel()
    assert dying._post.connection is not None
    dying._post.connection.terminate()
    await asyncio.wait(dying._errands.tasks)
    heir = city.courier()
    while heir._post.connection is None:
        await heir.take_over()
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
    assert await first.take_over() is not None
    assert await second.take_over() is None


async def test_what_came_back_while_the_database_was_away_is_kept_afterwards(city: City) -> None:
    await city.endpoints(HOOK)
    number = await city.notice()
    courier = city.courier()
    await courier.round()
    await asyncio.wait(courier._errands.tasks)
    assert courier._post.connection is not None
    courier._post.connection.terminate()
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


@pytest.mark.parametrize(("rate", "left"), [(1, {"delivered", "waiting"}), (60, {"delivered"})])
async def test_where_time_runs_faster_so_does_what_a_reader_can_take(
    city: City, rate: int, left: set[str]
) -> None:
    await city.endpoints(WECOM)
    city.receiver.otherwise = good_gateway()
    numbers = [await city.notice(**TO_PERSON) for _ in range(100)]
    # Each takes a second of the wall's.
    await city.rounds(city.courier(rate), 60)
    assert {await city.state(number) for number in numbers} == left


async def test_what_a_readers_own_limit_holds_does_not_go_the_next_way(city: City) -> None:
    await city.endpoints(WECOM + HOOK)
    city.receiver.otherwise = good_gateway()
    fallback = {
        "fallbacks": '[["other", "x", false]]',
        "fallback_at": moment_of(BEGAN + 60 * SECOND),
        "fallback_wait": timedelta(minutes=1),
    }
    for _ in range(20):
        await city.notice(**TO_PERSON, **fallback)
    courier = city.courier()
    await city.rounds(courier, 30)
    city.time.pass_s(120)
    await city.rounds(courier, 5)
    assert await city.store.fetchval("SELECT count(*) FROM outbox WHERE endpoint = 'other'") == 0


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
    await city.endpoints(ROBOT)
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


@pytest.mark.parametrize(
    ("name", "endpoint", "header", "body", "said"),
    [
        ("hook", HOOK, b"x-request-id: a\xffb\r\n", b"", "a?b"),
        ("wecom", WECOM, b"", b'{"errcode":0,"msgid":"a\\u0000b"}', "a b"),
        ("robot", ROBOT, b"", b'{"errcode":7,"errmsg":"a\\u0000b"}', "7 a b"),
    ],
    ids=["bytes-in-a-header", "zero-in-an-id", "zero-in-a-reason"],
)
async def test_no_gateway_says_what_cannot_be_kept(
    city: City, name: str, endpoint: str, header: bytes, body: bytes, said: str
) -> None:
    token = b'{"errcode":0,"access_token":"T","expires_in":7200}'

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        text = token if b"gettoken" in asked else body
        head = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n" % len(text)
        writer.write(head + header + b"\r\n" + text)
        writer.close()

    async with await asyncio.start_server(speak, "127.0.0.1", 0) as odd:
        place = f"http://127.0.0.1:{odd.sockets[0].getsockname()[1]}"
        await city.endpoints(endpoint.replace("URL", place))
        number = await city.notice(endpoint=name, recipient="P1", addressed=["zhangsan"])
        await city.rounds(city.courier())
    assert await city.state(number) in {"delivered", "dead"}
    row = await city.store.fetchrow("SELECT provider_id, outcome FROM outbox")
    assert row is not None
    assert said in tuple(row)


@pytest.mark.parametrize("channel", ["webhook", "github"])
async def test_a_receiver_that_hangs_for_half_an_hour_loses_nothing(
    city: City, channel: str
) -> None:
    city.hurry()
    await city.endpoints(HOOK.replace('"webhook"', f'"{channel}"'))
    city.receiver.otherwise = hang
    number = await city.notice()
    courier = city.courier()
    for _ in range(8):
        await city.rounds(courier)
        city.time.pass_s(300)
    doubts = await city.outcomes(number)
    assert len(doubts) > 3
    assert set(doubts) == {"unknown"}
    city.receiver.otherwise = status(200)
    city.time.pass_s(900)
    await city.rounds(courier)
    assert await city.state(number) == "delivered"
    # Whoever never saw it is told that it is late.
    assert orjson.loads(city.receiver.got[-1][2])["data"]["late_min"] > 30
    name = {"webhook": "webhook-id", "github": "x-github-delivery"}[channel]
    assert len({headers[name] for _, headers, _ in city.receiver.got}) == 1


@pytest.mark.parametrize(
    ("known", "sends"), [("it", 1), ("", 2)], ids=["it-has-it", "it-knows-nothing-of-it"]
)
async def test_after_a_time_out_the_receipt_is_asked_for_before_a_second_send(
    city: City,
    known: str,
    sends: int,
) -> None:
    city.hurry()
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
    await first.leave()
    city.couriers.remove(first)
    waiting = await city.notice(**TO_PERSON)
    heir = city.courier()
    while heir._post.connection is None:
        await heir.take_over()
    await city.rounds(heir, 3)
    assert await city.state(waiting) == "waiting"


async def test_a_gateway_that_refused_us_is_tried_with_one_message_and_then_gets_all(
    city: City,
) -> None:
    await city.endpoints(HOOK)
    city.receiver.otherwise = status(410)
    numbers = [await city.notice()]
    courier = city.courier()
    await city.rounds(courier)
    numbers += [await city.notice() for _ in range(9)]
    city.time.pass_s(REFUSING_RESTS_S)
    await city.rounds(courier)
    assert len(city.receiver.got) == 2
    city.receiver.otherwise = status(200)
    city.time.pass_s(REFUSING_RESTS_S)
    await city.rounds(courier, 2)
    states = [await city.state(one) for one in numbers]
    assert sorted(states) == ["dead"] * 2 + ["delivered"] * 8


async def test_a_private_address_is_refused_and_the_notice_is_listed_as_dead(city: City) -> None:
    await city.endpoints(HOOK.replace('allow = ["127.0.0.0/8"]', ""))
    number = await city.notice()
    courier = city.courier()
    await city.rounds(courier)
    # The endpoint is at fault, not the message: it is listed, and what comes meanwhile waits.
    flagged = await city.store.fetchrow("SELECT endpoint, address FROM faulty_contact")
    assert flagged is not None
    assert tuple(flagged) == ("hook", "")
    later = await city.notice()
    await city.rounds(courier)
    assert await city.state(later) == "waiting"
    assert city.receiver.got == []
    assert await city.state(number) == "dead"
    outcome = await city.store.fetchval("SELECT outcome FROM outbox WHERE id = $1", number)
    assert "127.0.0.1 is refused" in outcome
