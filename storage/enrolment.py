"""Which number the store gives a meter, and what becomes of meters and factor lists nobody knows.

Both can be invented by a peer, so both are limited per hour of receipt: enrolments by the peer's
address, lists of factors by the meter that showed them first.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from itertools import repeat
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattwarden.storage.database import Connection
from wattwarden.storage.moments import moment_of

# Nobody mounts more meters behind one address in an hour; a peer that invents numbers does.
ENROLMENTS_PER_PEER_HOUR: Final = 100
# A meter has a list for each kind of message and part of one: a dozen.
LAYOUTS_PER_METER_HOUR: Final = 64

# The database numbers meters from 1.
NOBODY: Final = -1

_HOUR_US: Final = 3_600_000_000


class Policy(StrEnum):
    """What becomes of frames whose meter nobody registered."""

    ENROL = "enrol"
    """The meter is enrolled as unconfirmed and its frames become rows."""
    KNOWN = "known"
    """Its frames wait in quarantine until the meter is registered, then become rows."""


class Denied(StrEnum):
    """Why frames wait although they decoded; the reason in quarantine."""

    UNKNOWN_METER = "unknown_meter"
    ENROLMENT_LIMIT = "enrolment_limit"
    LAYOUT_LIMIT = "layout_limit"

    @property
    def sentence(self) -> str:
        """The reason for people."""
        return _SENTENCES[self]


_SENTENCES: Final = {
    Denied.UNKNOWN_METER: "nobody registered this meter",
    Denied.ENROLMENT_LIMIT: "too many new meters from this address within an hour",
    Denied.LAYOUT_LIMIT: "too many new lists of factors from this meter within an hour",
}


class Applicant(NamedTuple):
    """A meter that rows name: its address, and whence and when its first one came (µs UTC)."""

    address: str
    host: str
    received_at: int


@dataclass(frozen=True, slots=True)
class Admission:
    """Who may join: the policy, and how many per hour (None: any number, somebody asked for it)."""

    policy: Policy = Policy.ENROL
    enrolments_per_peer_hour: int | None = ENROLMENTS_PER_PEER_HOUR
    layouts_per_meter_hour: int | None = LAYOUTS_PER_METER_HOUR


class MeterIds:
    """The numbers of meters, as far as they were asked for.

    A number never changes; forget all (make a new one) when a transaction that enrolled was undone.
    """

    def __init__(self) -> None:
        self._ids: dict[str, dict[str, int]] = {}
        self.enrolled = 0

    def of(self, codec: str, addresses: Sequence[str]) -> NDArray[np.int32]:
        """The numbers of meters, NOBODY for those that have none or were not met yet."""
        known = self._ids.get(codec, {})
        numbers = map(known.get, addresses, repeat(NOBODY))
        return np.fromiter(numbers, np.int32, len(addresses))

    async def resolve(
        self,
        connection: Connection,
        codec: str,
        applicants: Sequence[Applicant],
        admission: Admission,
    ) -> dict[str, Denied]:
        """Find or give the numbers of these meters; return those that got none, and why."""
        known = self._ids.setdefault(codec, {})
        strangers = [one for one in applicants if one.address not in known]
        if not strangers:
            return {}
        await self._look_up(connection, codec, strangers)
        strangers = [one for one in strangers if one.address not in known]
        if admission.policy is Policy.KNOWN:
            return {one.address: Denied.UNKNOWN_METER for one in strangers}
        admitted, denied = await _admit(connection, strangers, admission.enrolments_per_peer_hour)
        if admitted:
            await _enrol(connection, codec, admitted)
            await self._look_up(connection, codec, admitted)
            self.enrolled += len(admitted)
        return {one.address: Denied.ENROLMENT_LIMIT for one in denied}

    async def _look_up(
        self, connection: Connection, codec: str, applicants: Iterable[Applicant]
    ) -> None:
        rows = await connection.fetch(
            "SELECT id, address FROM meter WHERE codec = $1 AND address = ANY($2)",
            codec,
            [one.address for one in applicants],
        )
        self._ids[codec].update((row["address"], row["id"]) for row in rows)


class LayoutIds:
    """The numbers of lists of factor codes; forget all when a transaction was undone."""

    def __init__(self) -> None:
        self._ids: dict[tuple[str, ...], int] = {}

    async def resolve(
        self,
        connection: Connection,
        lists: Mapping[tuple[str, ...], tuple[int, int]],
        admission: Admission,
    ) -> dict[tuple[str, ...], int]:
        """Find or give the numbers of these lists: {codes: (meter that shows it, µs UTC)}.

        Lists beyond the limit are missing from the answer.
        """
        strange = [codes for codes in lists if codes not in self._ids]
        if strange:
            await self._look_up(connection, strange)
            for codes in strange:
                if codes not in self._ids:
                    await self._add(connection, codes, *lists[codes], admission)
        return {codes: self._ids[codes] for codes in lists if codes in self._ids}

    async def _look_up(self, connection: Connection, lists: Sequence[tuple[str, ...]]) -> None:
        by_digest = {_digest(codes): codes for codes in lists}
        rows = await connection.fetch(
            "SELECT id, digest FROM factor_layout WHERE digest = ANY($1)", list(by_digest)
        )
        self._ids.update((by_digest[row["digest"]], row["id"]) for row in rows)

    async def _add(
        self,
        connection: Connection,
        codes: tuple[str, ...],
        meter: int,
        received_at: int,
        admission: Admission,
    ) -> None:
        moment = moment_of(received_at)
        limit = admission.layouts_per_meter_hour
        if limit is not None:
            recent = await connection.fetchval(
                "SELECT count(*) FROM factor_layout WHERE first_meter = $1"
                " AND first_at > $2 AND first_at <= $3",
                meter,
                moment - timedelta(hours=1),
                moment,
            )
            if recent >= limit:
                return
        await connection.execute(
            "INSERT INTO factor_layout (codes, digest, first_meter, first_at)"
            " VALUES ($1, $2, $3, $4) ON CONFLICT (digest) DO NOTHING",
            list(codes),
            _digest(codes),
            meter,
            moment,
        )
        await self._look_up(connection, [codes])


def host_of(peer: str) -> str:
    """The address of a peer without its port: ``1.2.3.4:5`` or ``[::1]:5``."""
    host, _, port = peer.rpartition(":")
    return host.strip("[]") if host and port.isdecimal() else peer


async def _admit(
    connection: Connection, strangers: Sequence[Applicant], limit: int | None
) -> tuple[list[Applicant], list[Applicant]]:
    """Split strangers into those who may enrol and those beyond the limit, in order of arrival."""
    if limit is None or not strangers:
        return list(strangers), []
    taken = await _enrolled_by_hour(connection, strangers)
    admitted, denied = [], []
    for one in sorted(strangers, key=lambda one: one.received_at):
        place = (one.host, one.received_at // _HOUR_US)
        if taken[place] < limit:
            taken[place] += 1
            admitted.append(one)
        else:
            denied.append(one)
    return admitted, denied


async def _enrolled_by_hour(
    connection: Connection, strangers: Sequence[Applicant]
) -> Counter[tuple[str, int]]:
    """How many meters enrolled from these peers, by hour since 1970, in the hours in question."""
    moments = [one.received_at for one in strangers]
    rows = await connection.fetch(
        "SELECT enrolled_from, floor(extract(epoch FROM enrolled_at) / 3600)::bigint AS hour,"
        " count(*) AS meters FROM meter"
        " WHERE enrolled_from = ANY($1) AND enrolled_at >= $2 AND enrolled_at < $3"
        " GROUP BY enrolled_from, hour",
        list({one.host for one in strangers}),
        moment_of(min(moments) // _HOUR_US * _HOUR_US),
        moment_of((max(moments) // _HOUR_US + 1) * _HOUR_US),
    )
    return Counter({(row["enrolled_from"], row["hour"]): row["meters"] for row in rows})


async def _enrol(connection: Connection, codec: str, admitted: Sequence[Applicant]) -> None:
    # In the order of addresses: two writers that enrol the same meters do not wait for each other.
    ordered = sorted(admitted)
    await connection.execute(
        "INSERT INTO meter (codec, address, state, enrolled_at, enrolled_from)"
        " SELECT $1, address, 'unconfirmed', enrolled_at, enrolled_from"
        " FROM unnest($2::text[], $3::timestamptz[], $4::text[])"
        " AS applicant (address, enrolled_at, enrolled_from)"
        " ON CONFLICT (codec, address) DO NOTHING",
        codec,
        [one.address for one in ordered],
        [moment_of(one.received_at) for one in ordered],
        [one.host for one in ordered],
    )


def _digest(codes: Iterable[str]) -> bytes:
    return hashlib.sha256("".join(f"{code}\n" for code in codes).encode()).digest()
