"""Meters: found by name, listed, registered, accepted, configured.

    enrolled by its first reading ─► unconfirmed ── accept ──► accepted ◄── add by hand

Each change is told on the channel of ``profiles``, in the transaction that makes it.  Who
registers, accepts or configures a meter afterwards retries its frames in quarantine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

import asyncpg
import msgspec

from wattwarden.storage.database import Connection, errors
from wattwarden.storage.errors import StorageError
from wattwarden.storage.profiles import CHANNEL, ProfileBody, check_body
from wattwarden.storage.rows.decoding import MAX_ADDRESS_LETTERS


class MeterState(StrEnum):
    """Whether somebody vouched for a meter."""

    UNCONFIRMED = "unconfirmed"
    ACCEPTED = "accepted"


class NoSuchMeter(StorageError):  # noqa: N818  # what the caller asked for
    """A name that belongs to no meter, or to several; the message says which there are."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=False)


class MeterName(NamedTuple):
    """``codec:address/channel`` taken apart; codec and channel may be missing."""

    codec: str | None
    address: str
    channel: str | None


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter and its newest profile; ``version`` is 0 when nobody configured it."""

    id: int
    codec: str
    address: str
    state: MeterState
    enrolled_at: datetime
    enrolled_from: str | None
    accepted_at: datetime | None
    accepted_by: str | None
    version: int
    profile: ProfileBody

    @property
    def name(self) -> str:
        """How commands call it."""
        return f"{self.codec}:{self.address}"


_SELECT: Final = (
    "SELECT m.*, coalesce(p.version, 0) AS version, p.body FROM meter AS m"
    " LEFT JOIN LATERAL (SELECT version, body FROM meter_profile WHERE meter = m.id"
    " ORDER BY version DESC LIMIT 1) AS p ON true"
)


def parse_meter(text: str) -> MeterName:
    """Take ``codec:address[/channel]`` or an address alone apart.

    Raises:
        ValueError: There is no address in it.
    """
    head, colon, rest = text.partition(":")
    codec, rest = (head, rest) if colon else (None, text)
    address, slash, channel = rest.partition("/")
    if not address or codec == "":
        message = f"a meter is codec:address, codec:address/channel or an address, got {text!r}"
        raise ValueError(message)
    return MeterName(codec, address, channel if slash else None)


async def find_meter(connection: Connection, name: MeterName) -> Meter:
    """Return the one meter of that name.

    Raises:
        NoSuchMeter: None, or several under one address.
        StorageError: The database is away.
    """
    with errors("looking for a meter"):
        rows = await connection.fetch(
            f"{_SELECT} WHERE m.address = $1 AND ($2::text IS NULL OR m.codec = $2)"
            " ORDER BY m.codec",
            name.address,
            name.codec,
        )
    shown = f"{name.codec}:{name.address}" if name.codec else name.address
    if not rows:
        message = f"no meter {shown}: see `wattwarden meters list`"
        raise NoSuchMeter(message)
    if len(rows) > 1:
        choices = ", ".join(f"{row['codec']}:{row['address']}" for row in rows)
        message = f"{shown} is the address of several meters: say which of {choices}"
        raise NoSuchMeter(message)
    return _meter(rows[0])


async def load_meter(connection: Connection, number: int) -> Meter | None:
    """Return the meter of a number of ours; None where there is none.

    Raises:
        StorageError: The database is away.
    """
    with errors("loading a meter"):
        row = await connection.fetchrow(f"{_SELECT} WHERE m.id = $1", number)
    return None if row is None else _meter(row)


async def hold_meter(connection: Connection, number: int) -> Meter | None:
    """Return a meter, as ``load_meter``, that nobody configures until the transaction ends.

    Raises:
        StorageError: The database is away.
    """
    with errors("holding a meter"):
        await connection.execute("SELECT FROM meter WHERE id = $1 FOR UPDATE", number)
    return await load_meter(connection, number)


async def list_meters(
    connection: Connection,
    *,
    state: MeterState | None = None,
    codec: str | None = None,
    after_id: int = 0,
    most: int = 1_000,
) -> list[Meter]:
    """Return meters in order of their number, a page at a time: those after ``after_id``.

    Raises:
        StorageError: The database is away.
    """
    with errors("listing meters"):
        rows = await connection.fetch(
            f"{_SELECT} WHERE m.id > $1 AND ($2::text IS NULL OR m.state = $2)"
            " AND ($3::text IS NULL OR m.codec = $3) ORDER BY m.id LIMIT $4",
            after_id,
            state,
            codec,
            most,
        )
    return [_meter(row) for row in rows]


async def add_meter(
    connection: Connection,
    codec: str,
    address: str,
    *,
    profile: ProfileBody | None = None,
    actor: str,
    now: datetime,
) -> Meter:
    """Register a meter by hand; it is accepted from the start.

    Raises:
        ValueError: The address or the profile is no good.
        StorageError: It is registered already; or the database is away.
    """
    if not 0 < len(address) <= MAX_ADDRESS_LETTERS or not address.isprintable():
        message = f"an address is 1 to {MAX_ADDRESS_LETTERS} printable letters, got {address!a}"
        raise ValueError(message)
    if profile is not None:
        check_body(profile)
    with errors(f"registering {codec}:{address}"):
        async with connection.transaction():
            number = await connection.fetchval(
                "INSERT INTO meter (codec, address, state, enrolled_at, accepted_at, accepted_by)"
                " VALUES ($1, $2, 'accepted', $3, $3, $4)"
                " ON CONFLICT (codec, address) DO NOTHING RETURNING id",
                codec,
                address,
                now,
                actor,
            )
            if number is None:
                message = f"{codec}:{address} is registered already: use accept or set"
                raise StorageError(message, retryable=False)
            if profile is not None:
                await _add_version(connection, number, profile, actor, now)
            await _tell(connection)
    return await find_meter(connection, MeterName(codec, address, None))


async def accept_meters(
    connection: Connection, ids: Sequence[int], *, actor: str, now: datetime
) -> int:
    """Vouch for meters; return how many were unconfirmed before.

    Raises:
        StorageError: The database is away.
    """
    with errors("accepting meters"):
        async with connection.transaction():
            rows = await connection.fetch(
                "UPDATE meter SET state = 'accepted', accepted_at = $2, accepted_by = $3"
                " WHERE id = ANY($1) AND state = 'unconfirmed' RETURNING id",
                list(ids),
                now,
                actor,
            )
            await _tell(connection)
    return len(rows)


async def set_profile(
    connection: Connection, meter: int, profile: ProfileBody, *, actor: str, now: datetime
) -> int:
    """Give a meter a new version of its configuration, the whole of it; return the version.

    The same again makes no version.

    Raises:
        ValueError: The profile is no good.
        StorageError: The database is away.
    """
    check_body(profile)
    with errors("configuring a meter"):
        async with connection.transaction():
            # Versions of a meter are given one after another.
            await connection.execute("SELECT id FROM meter WHERE id = $1 FOR UPDATE", meter)
            newest = await connection.fetchrow(
                "SELECT version, body FROM meter_profile WHERE meter = $1"
                " ORDER BY version DESC LIMIT 1",
                meter,
            )
            if newest is not None and _body(newest["body"]) == profile:
                return int(newest["version"])
            version = await _add_version(connection, meter, profile, actor, now)
            await _tell(connection)
    return version


async def _add_version(
    connection: Connection, meter: int, profile: ProfileBody, actor: str, now: datetime
) -> int:
    version: int = await connection.fetchval(
        "INSERT INTO meter_profile (meter, version, body, entered_at, actor)"
        " SELECT $1, coalesce(max(version), 0) + 1, $2, $3, $4"
        " FROM meter_profile WHERE meter = $1 RETURNING version",
        meter,
        msgspec.json.encode(profile).decode(),
        now,
        actor,
    )
    return version


async def _tell(connection: Connection) -> None:
    await connection.execute("SELECT pg_notify($1, '')", CHANNEL)


def _meter(row: asyncpg.Record) -> Meter:
    values: dict[str, Any] = dict(row)
    body = values.pop("body")
    return Meter(
        **(values | {"state": MeterState(values["state"])}),
        profile=ProfileBody() if body is None else _body(body),
    )


def _body(text: str) -> ProfileBody:
    """A stored profile; one that a newer program wrote shows what this one knows of it."""
    try:
        return msgspec.json.decode(text, type=ProfileBody)
    except msgspec.ValidationError:
        known: dict[str, Any] = msgspec.json.decode(text)
        return ProfileBody(options={"unreadable": known})
