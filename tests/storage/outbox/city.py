"""A gateway, a store, and couriers that one lets go round by round, by a clock of their own."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from tests.storage.outbox.receiver import Receiver

from wattwarden.alarms.routing.bodies import Routing
from wattwarden.alarms.routing.table import default_text
from wattwarden.server.clock import Clock
from wattwarden.server.courier import Courier, Place
from wattwarden.storage.database import Connection
from wattwarden.storage.moments import moment_of
from wattwarden.storage.registry.decisions import Decision
from wattwarden.storage.registry.entering import enter

SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105  the published one
BEGAN: Final = 1_795_300_000_000_000  # microseconds UTC, in November 2026
SECOND: Final = 1_000_000
# A busy machine answers within it; what is never answered is waited for less.
PATIENT_S: Final = 5.0
HURRIED_S: Final = 0.3


class Time:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.us = BEGAN

    def clock(self, rate: int = 1) -> Clock:
        def now_ns() -> int:
            return (BEGAN + (self.us - BEGAN) * rate) * 1000

        return Clock(now_ns, now_ns, rate)

    def pass_s(self, seconds: float) -> None:
        self.us += int(seconds * SECOND)


class City:
    """A gateway, a store, and couriers that one lets go round by round."""

    def __init__(self, store: Connection, dsn: str, folder: Path) -> None:
        self.store = store
        self.time = Time()
        self.receiver = Receiver()
        self.place = Place(dsn, folder, lambda _alarm, _who, _when: "", answer_s=PATIENT_S)
        self.couriers: list[Courier] = []
        self._made = 0

    def hurry(self) -> None:
        """Let couriers to come not wait for what never answers."""
        self.place = replace(self.place, answer_s=HURRIED_S)

    def courier(self, rate: int = 1) -> Courier:
        made = Courier(self.place, self.time.clock(rate), wall=lambda: self.time.us)
        self.couriers.append(made)
        return made

    async def endpoints(self, text: str, *changes: tuple[str, str]) -> None:
        """Put a table with these endpoints in force, and defaults that are changed."""
        numbers = default_text()
        for old, new in changes:
            assert old in numbers
            numbers = numbers.replace(old, new)
        text = numbers + text.replace("URL", self.receiver.url)
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
            if courier._errands.tasks:
                await asyncio.wait(courier._errands.tasks)
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
ROBOT: Final = """
[endpoint.robot]
channel = "wecom_robot"
settings = { base = "URL" }
secrets = { key = "robot" }
allow = ["127.0.0.0/8"]
"""
SMS: Final = """
[endpoint.sms]
channel = "aliyun_sms"
settings = { sign_name = "S", template = "SMS_1", variables = { a = "title" }, base = "URL" }
secrets = { key_id = "corp", key_secret = "robot" }
address = "phone"
allow = ["127.0.0.0/8"]
"""
