"""Forwards to one platform above us: rows to items, items to the platform, in order, until taken.

    rows ─ take ─► items ─ window ─► platform ─ 9014 ─► acknowledge, and the next
                              └ no answer ─► again, same QN ─► line given up ─► pause ─► again

A line on which nothing was taken is followed by one that begins with other MNs: a platform that
does not know some meters is no platform that is away.  What it never takes, while it takes others,
is set aside.

One process forwards to a platform at a time; another waits for its end.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from wattwarden.codecs.hj212.client import Upload, qn_of, upload_frame
from wattwarden.protocol.secret import Secret
from wattwarden.server.forward_line import ForwardLine, LineLostError, Outgoing
from wattwarden.server.forward_rows import Owned, items_of, owned_of
from wattwarden.server.forward_table import Platform
from wattwarden.server.secret_files import SecretError, read_secret
from wattwarden.storage import forward
from wattwarden.storage.database import Connection, connect
from wattwarden.storage.errors import StorageError
from wattwarden.storage.registry.registry import load_registry

# Rows come with ticks, once a second.
TAKE_INTERVAL_S: Final = 1.0
# Who owns which meter changes by decisions, a few a day.
REGISTRY_INTERVAL_S: Final = 60.0
# A platform that is down is asked often at first, and then once a minute.
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0
# What the platform took none of as often, while it took what came behind.
ASIDE_TRIES: Final = 6
# Of a meter of which it took nothing since: an answer may be lost once.
UNKNOWN_TRIES: Final = 2
# Whatever is in flight stands among so many: a window has 256 at most, others stay in between.
LOOKED_AT: Final = 1_024

_log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ForwardPlace:
    """Where a forwarder finds what it needs."""

    dsn: str
    secrets: Path
    shards: int


@dataclass(slots=True)
class _Work:
    """What is known while the database connection lives."""

    connection: Connection
    owned: Owned = field(default_factory=lambda: Owned({}))
    known_at: float = float("-inf")
    taken_at: float = float("-inf")
    # Items that wait while the platform has taken others that were sent behind them, by QN.
    passed: set[int] = field(default_factory=set)
    # MNs of lines on which nothing was taken, since something was.
    doubted: set[str] = field(default_factory=set)
    # MNs of which something was set aside, and nothing taken since.
    unknown: set[str] = field(default_factory=set)
    # Whether the platform took anything on this line.
    is_heard: bool = False


class Forwarder:
    """Forwards to one platform until told to stop."""

    def __init__(
        self,
        name: str,
        platform: Platform,
        place: ForwardPlace,
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        self._name = name
        self._platform = platform
        self._place = place
        self._line: ForwardLine | None = None
        self._first_pause_s = self._pause_s = first_pause_s
        self._next_try = float("-inf")
        self._allowance = 1.0
        self._allowed_at = float("-inf")
        self._told = ""

    async def run(self, stop: asyncio.Event) -> None:
        """Forward until ``stop`` is set; what is on its way then is sent again later."""
        while not stop.is_set():
            try:
                connection = await connect(self._place.dsn, name=f"forward {self._name}")
                try:
                    await self._hold(connection, stop)
                finally:
                    connection.terminate()
            except StorageError as error:
                self._tell(error.message)
                await _pause(stop, FIRST_PAUSE_S)
            finally:
                await self._hang_up()

    async def _hold(self, connection: Connection, stop: asyncio.Event) -> None:
        while not await forward.hold(connection, self._name):
            await _pause(stop, FIRST_PAUSE_S)
            if stop.is_set():
                return
        await forward.begin(connection, self._name, self._place.shards)
        work = _Work(connection)
        while not stop.is_set():
            await self.step(work)
            if self._line is None:
                await _pause(stop, min(self._first_pause_s, TAKE_INTERVAL_S))

    async def step(self, work: _Work) -> None:
        """Take what came, send what may be sent, hear what is answered; a second at most."""
        now = time.monotonic()
        await self._take(work, now)
        try:
            if self._line is None and now >= self._next_try:
                await self._dial(work)
            if self._line is not None:
                await self._send(work, self._line)
                await self._hear(work, self._line)
                await self._watch(work, self._line)
        except (LineLostError, SecretError) as error:
            await self._lost(work, str(error))

    async def _take(self, work: _Work, now: float) -> None:
        if now - work.known_at >= REGISTRY_INTERVAL_S:
            registry = await load_registry(work.connection)
            work.owned = owned_of(registry, self._platform.enterprises)
            work.known_at = now
        if now - work.taken_at < TAKE_INTERVAL_S:
            return
        await forward.take(
            work.connection,
            self._name,
            self._place.shards,
            work.owned.meters,
            lambda row: items_of(self._platform, work.owned, row),
            time.time_ns() // 1_000_000,
        )
        work.taken_at = now

    async def _dial(self, work: _Work) -> None:
        """Connect once there is something to send."""
        if not await forward.waiting(work.connection, self._name, 0, 1):
            return
        work.is_heard = False
        self._line = await ForwardLine.open(self._platform.endpoint, self._platform.overtime_s)
        await forward.note_line(work.connection, self._name, datetime.now(UTC), "")

    async def _send(self, work: _Work, line: ForwardLine) -> None:
        room = min(self._platform.window - line.unanswered, self._allowed())
        if room <= 0:
            return
        owed = await forward.waiting(
            work.connection, self._name, line.last, room, without=work.doubted
        )
        if not owed:
            if not line.unanswered:
                # Everybody was tried in vain: it is the platform.
                work.doubted.clear()
            return
        # Read each time: a password that is changed is in force with the next upload.
        password = read_secret(self._place.secrets, self._platform.password_file)
        self._allowance -= len(owed)
        uploads = [outgoing(self._platform, one, password) for one in owed]
        await forward.note_sent(work.connection, self._name, [one.qn for one in owed])
        await line.send(uploads, time.monotonic())

    async def _hear(self, work: _Work, line: ForwardLine) -> None:
        patience_s = min(TAKE_INTERVAL_S, self._platform.overtime_s)
        heard = await line.hear(patience_s if line.unanswered else patience_s / 4)
        taken = [sent for sent, answer in heard if not answer.refused]
        if taken:
            await self._taken(work, line, taken)
        refused = [(sent, answer) for sent, answer in heard if answer.refused]
        furthest = max((sent.number for sent in taken), default=0)
        work.passed.update(sent.number for sent, _ in refused if sent.number < furthest)
        gone = await self._never_taken(work, [sent for sent, _ in refused])
        await self._set_aside(work, gone)
        if not work.is_heard:
            work.doubted.update(sent.mn for sent, _ in refused)
        for sent, answer in refused:
            if sent not in gone:
                message = f"refused: {answer.refused}"
                raise LineLostError(message)

    async def _taken(self, work: _Work, line: ForwardLine, taken: list[Outgoing]) -> None:
        numbers = [one.number for one in taken]
        await forward.acknowledge(work.connection, self._name, numbers, datetime.now(UTC))
        self._pause_s = self._first_pause_s
        self._tell("")
        work.is_heard = True
        work.unknown.difference_update(one.mn for one in taken)
        work.passed.difference_update(numbers)
        older = [one for one in line.outgoing if one.number < max(numbers)]
        work.passed.update(one.number for one in older if one is older[0] or one.mn in work.unknown)
        if work.doubted:
            # It was not the platform: it knows some meters, and these it does not answer.
            owed = await forward.waiting(work.connection, self._name, 0, LOOKED_AT)
            work.passed.update(one.qn for one in owed if one.tries and one.item.mn in work.doubted)
            work.doubted.clear()

    async def _watch(self, work: _Work, line: ForwardLine) -> None:
        """Send again what was not answered in time; give up a line that stays silent."""
        oldest = line.oldest
        if oldest is None:
            return
        passed = oldest.number in work.passed
        if not line.is_overdue(time.monotonic(), passed=passed):
            return
        gone = await self._never_taken(work, line.outgoing)
        if gone:
            await self._set_aside(work, gone)
            raise LineLostError("uploads were set aside")
        if line.resent >= self._platform.retries:
            message = f"no answer to {line.unanswered} uploads, sent {1 + line.resent} times"
            raise LineLostError(message)
        numbers = [one.number for one in line.outgoing]
        await forward.note_sent(work.connection, self._name, numbers)
        await line.send_again(time.monotonic())

    async def _never_taken(self, work: _Work, some: Sequence[Outgoing]) -> list[Outgoing]:
        """Return which of some uploads were tried often enough, while others were taken."""
        passed = [one for one in some if one.number in work.passed]
        if not passed:
            return []
        first = min(one.number for one in passed)
        owed = await forward.waiting(work.connection, self._name, first - 1, LOOKED_AT)
        tries = {one.qn: one.tries for one in owed}
        return [
            one
            for one in passed
            if tries.get(one.number, 0)
            >= (UNKNOWN_TRIES if one.mn in work.unknown else ASIDE_TRIES)
        ]

    async def _set_aside(self, work: _Work, some: Sequence[Outgoing]) -> None:
        if not some:
            return
        await forward.set_aside(work.connection, self._name, [one.number for one in some])
        for one in some:
            work.passed.discard(one.number)
            work.unknown.add(one.mn)
            _log.error("a platform never takes an upload", platform=self._name, qn=one.qn)

    async def _lost(self, work: _Work, reason: str) -> None:
        if self._line is not None and not work.is_heard:
            work.doubted.update(one.mn for one in self._line.outgoing)
        await self._hang_up()
        self._next_try = time.monotonic() + self._pause_s
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        self._tell(reason)
        await forward.note_line(work.connection, self._name, datetime.now(UTC), reason)

    async def _hang_up(self) -> None:
        if self._line is not None:
            line, self._line = self._line, None
            await line.close()

    def _allowed(self) -> int:
        """How many uploads the rate allows now."""
        now, rate = time.monotonic(), self._platform.per_second
        earned = (now - self._allowed_at) * rate
        self._allowance = min(float(rate), self._allowance + earned)
        self._allowed_at = now
        return int(self._allowance)

    def _tell(self, trouble: str) -> None:
        """Say what is in the way once, until it changes."""
        if trouble == self._told:
            return
        self._told = trouble
        if trouble:
            _log.warning("not forwarded now", platform=self._name, reason=trouble)
        else:
            _log.info("forwarding", platform=self._name)


def outgoing(platform: Platform, owed: forward.Owed, password: Secret) -> Outgoing:
    """Return an upload with its frame.

    Raises:
        LineLostError: The platform's password cannot stand in a header.
    """
    item = owed.item
    upload = Upload(
        qn=owed.qn,
        st=platform.st,
        cn=item.cn,
        mn=item.mn,
        data=item.data,
        password=password,
        edition=platform.edition,
        repeated=item.repeated,
    )
    try:
        return Outgoing(owed.qn, qn_of(owed.qn), upload_frame(upload), item.mn)
    except ValueError as error:
        raise LineLostError(str(error)) from error


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
