"""``wattwarden receive`` over real sockets, spoken to by what the courier speaks HTTP with."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from tests.alarms.channels.support import MESSAGE

from wattwarden.alarms.channels.channel import (
    SECOND_US,
    Delivered,
    Message,
    Outcome,
    RetryAt,
    Throttled,
    Unknown,
)
from wattwarden.alarms.routing.table import Endpoint as Configured
from wattwarden.alarms.routing.table import Reader
from wattwarden.server.courier import wall_us
from wattwarden.server.endpoint import Endpoint, carrier_of
from wattwarden.tools.main import main
from wattwarden.tools.misbehaviour import Manner, Misbehaviour
from wattwarden.tools.receiver import Delivery, Keys, Memory, Receiver, Verdict

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105  the published one
OLD = "whsec_" + "b2xk" * 8
PLAIN = "It's a Secret to Everybody"
GOOD = Misbehaviour()
# What a test waits for that is never answered.
SOON_S = 0.3


class Line:
    """A receiver, and senders to it."""

    def __init__(self, folder: Path) -> None:
        self.told: list[Delivery] = []
        self._folder = folder
        self._ends: list[Callable[[], Awaitable[None]]] = []

    async def receiver(self, how: Misbehaviour = GOOD, keys: Keys | None = None) -> str:
        trusted = keys or Keys(standard=[SECRET], plain=[PLAIN])
        made = Receiver(trusted, how, self.told.append)
        self._ends.append(made.stop)
        return await made.start("127.0.0.1", 0)

    def sender(self, url: str, channel: str = "webhook", secret: str = SECRET) -> Endpoint:
        (self._folder / "key").write_text(secret)
        configured = Configured(
            channel=channel,
            settings={"url": url},
            secrets={"secret": "key"},
            allow=("127.0.0.0/8",),
        )
        reader = Reader(count=6, window_s=600, reserve=2)
        carrier = carrier_of(configured, SOON_S)
        made = Endpoint("hook", configured, reader, self._folder, wall_us, carrier)
        self._ends.append(made.close)
        return made

    async def send(self, how: Misbehaviour = GOOD, *, times: int = 1) -> list[Outcome]:
        sender = self.sender(await self.receiver(how))
        return [await sender.send(message(place)) for place in range(times)]

    @property
    def verdicts(self) -> list[Verdict]:
        return [one.verdict for one in self.told]

    async def end(self) -> None:
        for end in reversed(self._ends):
            await end()


@pytest_asyncio.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    made = Line(tmp_path)
    yield made
    await made.end()


def message(place: int = 0) -> Message:
    return replace(MESSAGE, id=f"ww_{place}")


async def test_a_delivery_is_verified_told_and_answered_once(line: Line) -> None:
    sender = line.sender(await line.receiver())
    first, again = await sender.send(message()), await sender.send(message())
    assert first == Delivered("receive-1")
    assert again == Delivered("receive-2")
    assert line.verdicts == [Verdict.ACCEPTED, Verdict.DUPLICATE]
    told = line.told[0]
    assert (told.id, told.answer) == ("ww_0", "200")
    assert told.document is not None
    assert told.document["data"]["alarm"]["number"] == 17


@pytest.mark.parametrize(
    ("channel", "secret", "verdict"),
    [
        ("webhook", SECRET, Verdict.ACCEPTED),
        ("webhook", OLD, Verdict.REFUSED),
        ("github", PLAIN, Verdict.ACCEPTED),
        ("github", "guessed", Verdict.REFUSED),
    ],
)
async def test_only_who_has_the_secret_is_believed(
    line: Line, channel: str, secret: str, verdict: Verdict
) -> None:
    outcome = await line.sender(await line.receiver(), channel, secret).send(message())
    assert line.verdicts == [verdict]
    assert isinstance(outcome, Delivered if verdict is Verdict.ACCEPTED else RetryAt)
    assert isinstance(outcome, Delivered) or outcome.reason == "HTTP 401"


async def test_while_a_secret_rotates_both_are_believed(line: Line) -> None:
    url = await line.receiver(keys=Keys(standard=[OLD, SECRET]))
    for secret in (SECRET, OLD):
        assert isinstance(await line.sender(url, secret=secret).send(message()), Delivered)
    plain = await line.sender(url, "github", PLAIN).send(message())
    assert isinstance(plain, RetryAt)
    assert line.told[-1].detail == "a header is missing: webhook-id"


async def test_what_was_signed_long_ago_is_not_believed(line: Line) -> None:
    url = await line.receiver()
    configured = line.sender(url)
    configured._wall_us = lambda: wall_us() - 400 * SECOND_US
    assert isinstance(await configured.send(message()), RetryAt)
    assert line.told[0].detail.startswith("it is too old: signed 40")


async def test_every_third_delivery_fails_with_the_status_that_is_asked_for(line: Line) -> None:
    how = Misbehaviour(manner=Manner.STATUS, status=500, every=3)
    outcomes = await line.send(how, times=4)
    assert [type(one) for one in outcomes] == [Delivered, Delivered, RetryAt, Delivered]
    assert [one.answer for one in line.told] == ["200", "200", "500", "200"]
    assert line.verdicts[2] is Verdict.FAILED


async def test_what_failed_on_purpose_is_no_duplicate_when_it_comes_again(line: Line) -> None:
    how = Misbehaviour(manner=Manner.STATUS, status=503, every=2)
    sender = line.sender(await line.receiver(how))
    for place in (0, 1, 1):
        await sender.send(message(place))
    assert line.verdicts == [Verdict.ACCEPTED, Verdict.FAILED, Verdict.ACCEPTED]


async def test_retry_after_is_told_to_the_sender(line: Line) -> None:
    how = Misbehaviour(manner=Manner.STATUS, status=429, retry_after_s=120)
    (outcome,) = await line.send(how)
    assert isinstance(outcome, Throttled)
    assert 115 <= outcome.until_second - wall_us() // SECOND_US <= 120


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        (Manner.CUT, "no whole answer"),
        (Manner.MALFORMED, "no whole answer"),
        (Manner.HANG, "no answer in time"),
    ],
)
async def test_a_delivery_that_was_taken_leaves_doubt_and_comes_again_under_its_id(
    line: Line, manner: Manner, reason: str
) -> None:
    sender = line.sender(await line.receiver(Misbehaviour(manner=manner)))
    outcome = await sender.send(message())
    assert isinstance(outcome, Unknown)
    assert outcome.reason.startswith(reason)
    await sender.send(message())
    assert line.verdicts == [Verdict.ACCEPTED, Verdict.DUPLICATE]
    assert line.told[0].answer == manner


async def test_a_slow_receiver_is_waited_for_as_long_as_is_bearable(line: Line) -> None:
    (good,) = await line.send(Misbehaviour(slow_s=0.01))
    assert isinstance(good, Delivered)
    (late,) = await line.send(Misbehaviour(slow_s=5))
    assert late == Unknown("no answer in time")


def test_of_ids_only_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wattwarden.tools.receiver.MAX_REMEMBERED", 2)
    memory = Memory()
    assert [memory.is_new(one) for one in "abacb"] == [True, True, False, True, True]
    assert len(memory.ids) == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "whom to believe?"),
        (["--secret", "SECRET", "--cut", "--malformed"], "one way to misbehave at a time"),
        (["--secret", "SECRET", "--every", "3"], "--every goes with a way"),
        (["--secret", "SECRET", "--every", "0", "--cut"], "--every is 1 or more"),
        (["--secret", "SECRET", "--status", "99"], "--status is 200 to 599"),
        (["--secret", "SECRET", "--listen", "8080"], "--listen: "),
        (["--secret", "SECRET", "--count", "0"], "--count is 1 or more"),
        (["--secret", "SECRET", "--tolerance", "0"], "--tolerance is more than 0"),
        (["--secret", "PLAIN"], "no base64"),
        (["--secret", "GONE"], "cannot be read"),
        (["--plain-secret", "EMPTY"], "is empty"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_asked_for_wrongly_is_said_at_once(
    options: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "SECRET").write_text(SECRET)
    (tmp_path / "PLAIN").write_text(PLAIN)
    (tmp_path / "EMPTY").write_text("\n")
    words = [str(tmp_path / one) if one.isupper() else one for one in options]
    assert main(["receive", *words]) in (1, 2)
    found = capsys.readouterr()
    assert said in found.err
    assert SECRET not in found.err
    assert found.out == ""


async def test_people_are_shown_what_came_and_at_the_end_how_much(
    line: Line, tmp_path: Path
) -> None:
    process = await started(tmp_path)
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().removeprefix("listening on ").strip()
    sender = line.sender(url)
    assert isinstance(await sender.send(message()), Delivered)
    shown = (await process.stdout.readline()).decode()
    process.send_signal(signal.SIGINT)
    rest, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")
    assert "accepted" in shown
    assert f"alarm.raised L4 17#1 {MESSAGE.title}  ww_0" in shown
    assert rest.startswith(b"1 accepted, 0 duplicate")


async def test_machines_get_lines_and_it_stops_after_as_many_as_were_asked_for(
    line: Line, tmp_path: Path
) -> None:
    process = await started(tmp_path, "--json", "--count", "1")
    assert process.stdout is not None
    url = json.loads(await process.stdout.readline())["listening"]
    assert url.startswith("http://127.0.0.1:")
    assert isinstance(await line.sender(url).send(message()), Delivered)
    rest, _ = await process.communicate()
    came, summary = map(json.loads, rest.splitlines())
    assert (came["verdict"], came["document"]["type"]) == ("accepted", "alarm.raised")
    assert summary["summary"]["accepted"] == 1
    assert process.returncode == 0


async def started(folder: Path, *words: str) -> asyncio.subprocess.Process:
    file = folder / "whsec"
    file.write_text(SECRET)
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wattwarden", "receive", "--secret", str(file), *words,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
