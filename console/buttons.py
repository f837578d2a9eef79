"""Buttons of WeCom's cards: the press arrives here, and is decided as by the person it was sent to.

GET  /callback/wecom/ENDPOINT?msg_signature=…&timestamp=…&nonce=…&echostr=…    the echo, decrypted
POST /callback/wecom/ENDPOINT?msg_signature=…&timestamp=…&nonce=…              an event: path/90240
     ToUserName, FromUserName, MsgType event, Event template_card_event, EventKey, TaskId
answer update_button: what stands on the button from now on (path/90241)
"""

import re
import time
from collections.abc import Mapping
from http import HTTPStatus
from secrets import token_bytes, token_hex
from typing import Final
from uuid import UUID

from aiohttp import web

from wattwarden.alarms.cases.bodies import Action, Verb
from wattwarden.alarms.channels.wecom_app import ACKNOWLEDGE
from wattwarden.alarms.decisions.body import NEW
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.alarms.routing.route import is_person
from wattwarden.console.doors import Doors, PageError, Parts, body_of
from wattwarden.console.wecom_crypt import (
    RANDOM_BYTES,
    Callback,
    Stamp,
    elements,
    unwrap,
    wrap,
)
from wattwarden.storage.acting.admissions import decide
from wattwarden.storage.database import Connection
from wattwarden.storage.outbox.answers import told_by
from wattwarden.storage.system_time import system_now

# WeCom repeats what is not answered in 5 s, thrice; our clocks may be minutes apart.
MAX_AGE_S: Final = 300
_MESSAGE: Final = re.compile(r"ww_([0-9a-f]{32})")
_MARKUP: Final = re.compile(r"[<>&\]]")


class Buttons:
    """Handlers of callbacks."""

    def __init__(self, parts: Parts, doors: Doors) -> None:
        self._parts = parts
        self._doors = doors

    def routes(self) -> list[web.RouteDef]:
        """Return what is served."""
        place = "/callback/wecom/{endpoint}"
        return [web.get(place, self._echo), web.post(place, self._event)]

    async def _echo(self, request: web.Request) -> web.Response:
        callback = await self._callback(request)
        text = self._opened(request, callback, request.query.get("echostr", ""))
        return web.Response(text=text)

    async def _event(self, request: web.Request) -> web.Response:
        callback = await self._callback(request)
        outer = elements(await body_of(request))
        event = elements(self._opened(request, callback, outer.get("Encrypt", "")))
        if event.get("Event") != "template_card_event" or event.get("EventKey") != ACKNOWLEDGE:
            # Other events of the application need no answer.
            return web.Response()
        said = await self._pressed(request.match_info["endpoint"], event)
        stamp = Stamp(str(int(time.time())), token_hex(8))
        reply = _reply(event, stamp, said)
        xml = wrap(callback, stamp, reply, token_bytes(RANDOM_BYTES))
        return web.Response(text=xml, content_type="application/xml")

    async def _callback(self, request: web.Request) -> Callback:
        self._doors.patient(request)
        callback = await self._parts.gateways.callback(request.match_info["endpoint"])
        if callback is None:
            self._doors.wrong(request)
            raise _NOWHERE
        return callback

    def _opened(self, request: web.Request, callback: Callback, encrypted: str) -> str:
        """Return what was sent.

        Raises:
            PageError: It is not WeCom's, or old.
        """
        names = ("timestamp", "nonce", "msg_signature")
        timestamp, nonce, signature = (request.query.get(name, "") for name in names)
        try:
            text = unwrap(callback, Stamp(timestamp, nonce), signature, encrypted)
            age_s = abs(time.time() - int(timestamp))
        except ValueError as error:
            self._doors.wrong(request)
            raise _FORGED from error
        if age_s > MAX_AGE_S:
            raise _OLD
        return text

    async def _pressed(self, endpoint: str, event: Mapping[str, str]) -> str:
        """Acknowledge what a message told of; return what its button says from then on."""
        named = _MESSAGE.fullmatch(event.get("TaskId", ""))
        who = event.get("FromUserName", "").lower()
        if named is None:
            return "无法办理"
        async with self._parts.store.connection() as connection:
            told = await told_by(connection, UUID(named[1]), endpoint)
            theirs = [
                one
                for one in told
                if is_person(one.recipient) and who in map(str.lower, one.addressed)
            ]
            if not theirs:
                self._parts.counts["foreign"] += 1
                return "无权办理"
            done = [await self._acknowledge(connection, one.alarm, one.recipient) for one in theirs]
        return "已确认" if all(done) else "已确认过" if len(done) == 1 else "均已确认"

    async def _acknowledge(self, connection: Connection, alarm: int, person: str) -> bool:
        """Acknowledge an alarm as a person; tell whether it was theirs to do, and not done."""
        action = Action(id=NEW, alarm=str(alarm), verb=Verb.ACK)
        try:
            await decide(connection, action, person, await system_now(connection))
        except RefusedError:
            self._parts.counts["refused"] += 1
            return False
        self._parts.counts["acknowledged"] += 1
        return True


def _reply(event: Mapping[str, str], stamp: Stamp, said: str) -> str:
    to, sender = (_MARKUP.sub("", event.get(name, "")) for name in ("FromUserName", "ToUserName"))
    return (
        f"<xml><ToUserName><![CDATA[{to}]]></ToUserName>"
        f"<FromUserName><![CDATA[{sender}]]></FromUserName>"
        f"<CreateTime>{stamp.timestamp}</CreateTime><MsgType><![CDATA[update_button]]></MsgType>"
        f"<Button><ReplaceName><![CDATA[{said}]]></ReplaceName></Button></xml>"
    )


_NOWHERE: Final = PageError(
    HTTPStatus.NOT_FOUND, "no callback", "此地址不接收回调", "Nothing is called back here"
)
_FORGED: Final = PageError(HTTPStatus.FORBIDDEN, "forged", "签名不符", "The signature is wrong")
_OLD: Final = PageError(HTTPStatus.FORBIDDEN, "old", "请求已过期", "The request is old")
