"""Alarms, states of units, curves, statistics."""

from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import Field

from wattwarden.alarms.acting.scope import Read, Reader
from wattwarden.alarms.cases.case import Level, State
from wattwarden.console.api.asked import Key, OfFirm, Spanned, Text, unfit
from wattwarden.console.api.resource import Asked, Found, Resource, cut, sliced
from wattwarden.console.api.rows import AlarmRow, AlarmWhole, alarm_row, alarm_whole
from wattwarden.storage.cases.listing import list_cases
from wattwarden.storage.cases.load import Chosen, load_case
from wattwarden.storage.database import Connection
from wattwarden.storage.moments import moment_of, us_of
from wattwarden.storage.warden.listing import UnitNow, find_alarm, units_now

# Of alarms that were raised in one and the same instant; more of them are asked for again.
_TIES: Final = 20
_INSTANT: Final = timedelta(microseconds=1)
_LAST_US: Final = 253_402_300_799_000_000
_SOME: Final = 20

Level_ = Annotated[int, Field(ge=1, le=4)]


class AlarmFilters(Spanned):
    """Which alarms."""

    enterprise: Annotated[Text | None, Field(description="Only of this enterprise.")] = None
    state: Annotated[
        tuple[State, ...], Field(max_length=_SOME, description="Only in these states.")
    ] = ()
    level: Annotated[
        tuple[Level_, ...], Field(max_length=_SOME, description="Only of these levels.")
    ] = ()
    rule: Annotated[
        tuple[Text, ...], Field(max_length=_SOME, description="Only of these rules.")
    ] = ()
    overdue: Annotated[bool, Field(description="Only such as are past their deadline.")] = False
    open: Annotated[bool, Field(description="Only such as something is left to do about.")] = False
    standing: Annotated[bool, Field(description="Only those whose condition goes on.")] = False


async def _alarms(asked: Asked[AlarmFilters]) -> Found[AlarmRow]:
    filters, after = asked.filters, asked.after
    until = filters.until
    if after is not None:
        before = moment_of(_bounded(after[0])) + _INSTANT
        until = before if until is None else min(until, before)
    chosen = Chosen(
        enterprises=asked.reader.within(filters.enterprise),
        rules=filters.rule or None,
        since=filters.since,
        until=until,
        states=filters.state or None,
        levels=[Level(level) for level in filters.level] or None,
        overdue=filters.overdue,
        open=filters.open,
        standing=filters.standing,
    )
    limit = asked.limit + 1 + _TIES
    while True:
        listed = await list_cases(asked.connection, chosen, now=asked.reader.now, limit=limit)
        rows = [alarm_row(case) for case in listed.cases]
        left = [row for row in rows if after is None or _key(row) < after]
        if len(left) > asked.limit or len(rows) < limit:
            return cut(left, _key, asked.limit)
        limit *= 2


async def _alarm(connection: Connection, reader: Reader, identity: str) -> AlarmWhole | None:
    number = int(identity)
    case = await load_case(connection, number, now=reader.now)
    found = await find_alarm(connection, number)
    if case is None or found is None or not reader.sees(case.enterprise):
        return None
    alarm, corrections = found
    return alarm_whole(case, alarm, list(corrections))


async def _states(asked: Asked[OfFirm]) -> Found[UnitNow]:
    units = await units_now(asked.connection, asked.filters.enterprise, asked.reader.now)
    seen = [one for one in units if asked.reader.sees(one.enterprise)]
    return sliced(seen, lambda one: (one.enterprise, one.unit), asked, newest=False)


def _key(row: AlarmRow) -> Key:
    return us_of(row.raised), row.id


def _bounded(us: Any) -> int:
    if not 0 <= us <= _LAST_US:
        raise unfit("after不是本列表给出的值", "after is none that this list gave")
    return int(us)


ALARMS: Final[tuple[Resource[Any, Any], ...]] = (
    Resource(
        name="alarms",
        zh="报警及其办理，最近的在前",
        en="Alarms with their cases, the latest first",
        row=AlarmRow,
        needs=Read.ALARMS,
        filters=AlarmFilters,
        key=(0, 0),
        load=_alarms,
        one="alarm",
        find=_alarm,
        whole=AlarmWhole,
    ),
    Resource(
        name="states",
        zh="设施当前状态",
        en="What units do now, and since when",
        row=UnitNow,
        needs=Read.STATES,
        filters=OfFirm,
        key=("", ""),
        load=_states,
    ),
)
