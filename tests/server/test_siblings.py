"""What gateways hear of each other."""

from types import SimpleNamespace
from typing import Any, cast

import structlog
from structlog.testing import capture_logs

from wattwarden.protocol.envelope import FORMAT, Alive, Occurrence, Occurrences, encode
from wattwarden.protocol.microseconds import SECOND_US
from wattwarden.server.fleet import Fleet, Verdict
from wattwarden.server.siblings import SILENT_S, Siblings


class Line:
    """A connection of ours."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def hang_up(self, reason: str) -> None:
        self.told.append(reason)


class Home:
    """A gateway that hears, at a time that is set, and has one meter on the line."""

    def __init__(self) -> None:
        self.now = 0
        self.fleet: Fleet[Line] = Fleet()
        self.line = Line()
        self.fleet.login("hj212:M", self.line, "10.0.0.1", 0)
        self.counters = SimpleNamespace(connects=1)
        journal = SimpleNamespace(link=SimpleNamespace(counters=self.counters), overhear=self.hear)
        self.siblings = Siblings("gw-ours", cast("Any", journal), self.fleet, lambda: self.now)

    async def hear(self, *_: object) -> None:
        """Nobody speaks by itself."""

    def say(
        self, what: str, gateway: str = "gw-2", codec: str | None = "hj212", reason: str = ""
    ) -> None:
        row = Occurrence(self.now + 1, 7, what, "10.0.0.2:99", codec, "M", reason)
        self.siblings.hear(encode(Occurrences(FORMAT, gateway, [row])))

    def newcomer(self) -> Verdict:
        return self.fleet.login("hj212:M", Line(), "10.0.0.1", self.now + 2)[0]


def test_a_login_elsewhere_ends_the_older_connection() -> None:
    home = Home()
    home.say("login")
    assert home.line.told == ["taken over by the same meter, at another gateway"]
    assert home.newcomer() is Verdict.TAKEN_OVER


def test_what_was_not_let_in_takes_nothing_over() -> None:
    home = Home()
    home.say("login", reason=Verdict.REFUSED.value)
    home.say("login", codec=None)
    home.say("open")
    home.say("login", gateway="gw-ours")
    assert home.line.told == []
    assert home.fleet.held("hj212:M") is home.line


def test_what_closed_elsewhere_is_forgotten() -> None:
    home = Home()
    home.say("login")
    home.say("close")
    assert home.newcomer() is Verdict.ADMITTED


async def test_a_gateway_that_gives_no_sign_of_life_holds_nothing() -> None:
    home = Home()
    await home.siblings.follow()
    home.say("login")
    home.now = 10 * SECOND_US
    home.siblings.hear_alive(encode(Alive(FORMAT, "gw-2", home.now, 1, [])))
    home.siblings.hear_alive(encode(Alive(FORMAT, "gw-ours", home.now, 1, [])))
    home.siblings.sweep(SILENT_S * SECOND_US + 1)
    assert len(home.fleet._elsewhere) == 1
    home.siblings.sweep(home.now + SILENT_S * SECOND_US + 1)
    assert home.newcomer() is Verdict.ADMITTED


async def test_news_that_may_have_been_missed_make_what_was_heard_worthless() -> None:
    home = Home()
    await home.siblings.follow()
    home.say("login")
    home.counters.connects = 2
    home.siblings.sweep(1)
    assert home.newcomer() is Verdict.ADMITTED


def test_what_a_newer_version_says_is_left_alone() -> None:
    structlog.reset_defaults()
    home = Home()
    with capture_logs() as logs:
        home.siblings.hear(b"\xc1")
    assert [one["event"] for one in logs] == ["what another gateway says is not understood"]
    assert home.line.told == []
