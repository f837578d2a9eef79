"""A pressed button of WeCom: what the stand-in signs and encrypts is decided; all else is not."""

import time
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from tests.console.desk import Desk, Page
from tests.console.test_wecom_crypt import WECOM, by_openssl

from wattwarden.console.wecom_crypt import Stamp, elements, sign, unwrap

PLACE = "/callback/wecom/app"
EVENT = (
    "<xml><ToUserName><![CDATA[{corpid}]]></ToUserName><FromUserName><![CDATA[{who}]]>"
    "</FromUserName><CreateTime>1</CreateTime><MsgType><![CDATA[event]]></MsgType>"
    "<Event><![CDATA[{event}]]></Event><EventKey><![CDATA[{key}]]></EventKey>"
    "<TaskId><![CDATA[{task}]]></TaskId><CardType><![CDATA[button_interaction]]></CardType>"
    "<ResponseCode><![CDATA[r]]></ResponseCode><AgentID>1</AgentID></xml>"
)


def query(encrypted: str, *, at: float | None = None, **more: str) -> str:
    stamp = Stamp(str(int(time.time() if at is None else at)), "263014780")
    signature = sign(WECOM, stamp, encrypted)
    parts = {"msg_signature": signature, "timestamp": stamp.timestamp, "nonce": stamp.nonce, **more}
    return f"{PLACE}?{urlencode(parts)}"


async def press(desk: Desk, task: str, who: str = "LiMin", **changed: Any) -> Page:
    """What WeCom sends when somebody presses the button."""
    values = {"event": "template_card_event", "key": "acknowledge", "corpid": WECOM.corpid}
    text = EVENT.format(**values | {"who": who, "task": task} | changed)
    encrypted = by_openssl(WECOM, text)
    body = f"<xml><ToUserName>x</ToUserName><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"
    return await desk.post(query(encrypted), body, Content_Type="text/xml")


def button(page: Page) -> str:
    """What stands on the button from now on, as WeCom reads it."""
    answer = elements(page.html)
    stamp = Stamp(answer["TimeStamp"], answer["Nonce"])
    said = elements(unwrap(WECOM, stamp, answer["MsgSignature"], answer["Encrypt"]))
    assert said["MsgType"] == "update_button"
    return said["ReplaceName"]


async def notice(desk: Desk, alarm: int, head: int | None = None, who: str = "duty1") -> Any:
    """A notice that was sent by the application."""
    (row,) = await desk.fetch(
        "INSERT INTO outbox (alarm, enterprise, at, why, level, recipient, reason, endpoint,"
        " addressed, state, due, expires, head) VALUES ($1, 'E1', now() + random() * interval '1s',"
        " 'raised', 2, $2, 'first', 'app', '{limin}', 'delivered', now(), now(), $3)"
        " RETURNING id, message",
        alarm,
        who,
        head,
    )
    return row


async def acted(desk: Desk) -> list[tuple[str, int]]:
    rows = await desk.fetch(
        "SELECT actor, (body ->> 'alarm')::int AS alarm FROM decision WHERE kind = 'action'"
        " ORDER BY id"
    )
    return [(row["actor"], row["alarm"]) for row in rows]


async def test_the_echo_of_a_new_address_is_told(window: Desk) -> None:
    window.gateways.callbacks["app"] = WECOM
    encrypted = by_openssl(WECOM, "1616140317555161061")
    page = await window.get(query(encrypted, echostr=encrypted))
    assert (page.status, page.html) == (200, "1616140317555161061")


async def test_a_press_acknowledges_as_the_person_it_was_sent_to(desk: Desk) -> None:
    desk.gateways.callbacks["app"] = WECOM
    alarm = await desk.alarm_of("E1")
    sent = await notice(desk, alarm)
    assert button(await press(desk, f"ww_{sent['message'].hex}")) == "已确认"
    assert await acted(desk) == [("duty1", alarm)]
    assert button(await press(desk, f"ww_{sent['message'].hex}")) == "已确认过"
    assert await acted(desk) == [("duty1", alarm)]
    assert desk.console.counts["acknowledged"] == 1


async def test_a_press_on_several_notices_acknowledges_what_is_theirs(desk: Desk) -> None:
    desk.gateways.callbacks["app"] = WECOM
    alarm, foreign = await desk.alarm_of("E1"), await desk.alarm_of("E2")
    first = await notice(desk, alarm)
    await notice(desk, foreign, head=first["id"])
    assert button(await press(desk, f"ww_{first['message'].hex}")) == "均已确认"
    assert await acted(desk) == [("duty1", alarm)]


async def test_only_whom_it_was_sent_to_may_press(desk: Desk) -> None:
    desk.gateways.callbacks["app"] = WECOM
    alarm = await desk.alarm_of("E1")
    sent = await notice(desk, alarm)
    group = await notice(desk, alarm, who="stream:app:limin")
    assert button(await press(desk, f"ww_{sent['message'].hex}", who="other")) == "无权办理"
    assert button(await press(desk, f"ww_{group['message'].hex}")) == "无权办理"
    assert button(await press(desk, f"ww_{uuid4().hex}")) == "无权办理"
    assert button(await press(desk, "ww_../../x")) == "无法办理"
    assert await acted(desk) == []


async def test_other_events_are_taken_and_answered_with_nothing(window: Desk) -> None:
    window.gateways.callbacks["app"] = WECOM
    for changed in ({"event": "enter_agent"}, {"key": "other"}):
        page = await press(window, "ww_", **changed)
        assert (page.status, page.html) == (200, "")


@pytest.mark.parametrize("flaw", ["signature", "old", "unknown", "no xml", "other corporation"])
async def test_what_is_not_wecoms_is_refused(window: Desk, flaw: str) -> None:
    window.gateways.callbacks["app"] = WECOM
    encrypted = by_openssl(WECOM, EVENT)
    body = f"<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"
    path = query(encrypted, at=time.time() - 301 if flaw == "old" else None)
    match flaw:
        case "signature":
            path = path.replace("msg_signature=", "msg_signature=0")
        case "unknown":
            path = path.replace("/app?", "/none?")
        case "no xml":
            body = "{}"
        case "other corporation":
            window.gateways.callbacks["app"] = type(WECOM)("ww0", WECOM.token, WECOM.encoding_key)
    page = await window.post(path, body, Content_Type="text/xml")
    assert page.status == (404 if flaw == "unknown" else 403)


async def test_who_guesses_is_turned_away_before_any_work(window: Desk) -> None:
    window.gateways.callbacks["app"] = WECOM
    statuses = {(await window.get(f"{PLACE}?timestamp={n}")).status for n in range(25)}
    assert statuses == {403, 429}
