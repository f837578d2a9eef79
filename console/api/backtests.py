"""Back-tests: proposed rules tried on the past; begun, followed, read, cancelled."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from aiohttp import web

from wattwarden.alarms.acting.roles import CITY_WIDE, OFFICERS
from wattwarden.alarms.acting.scope import Reader
from wattwarden.alarms.decisions.body import Moment
from wattwarden.alarms.registry.nouns import Id
from wattwarden.console.api.asked import Filters, Shown, asked_for, unfit
from wattwarden.console.api.operation import Operation
from wattwarden.console.api.resource import Asked, Found, Resource, cut, json_of
from wattwarden.console.api.rows import Row
from wattwarden.console.api.sent import read, sent_json
from wattwarden.console.routes import Only, Right
from wattwarden.console.rules.trying import BUSY, MOST_FIRMS, seen, wanted_of
from wattwarden.console.visit import Visit
from wattwarden.storage.backtests import (
    Backtest,
    BusyError,
    Outcome,
    State,
    Wanted,
    end_early,
    find_backtest,
    list_backtests,
)
from wattwarden.storage.database import Connection


class Trying(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which proposal to try, on alarms raised when, of which firms; none: of all."""

    draft: Id
    since: Moment
    until: Moment
    enterprises: Annotated[tuple[Id, ...], msgspec.Meta(max_length=MOST_FIRMS)] = ()


class BegunRow(Row, frozen=True):
    """The number of a back-test that was begun."""

    id: int


class BacktestRow(Row, frozen=True):
    """A back-test as it stands; `done` firms of `total` are folded."""

    id: int
    person: str
    draft: str
    version: str
    since: datetime
    until: datetime
    enterprises: list[str]
    state: State
    done: int
    total: int
    entered_at: datetime
    finished_at: datetime | None


class BacktestWhole(Row, frozen=True):
    """A back-test with what it came to."""

    backtest: BacktestRow
    outcome: Outcome | None


async def begin(visit: Visit) -> web.StreamResponse:
    """Begin to try a proposal."""
    asked_for(Shown, visit)
    asked = read(await sent_json(visit), Trying)
    async with visit.reading() as (connection, reader):
        span = (asked.since, asked.until)
        wanted = await wanted_of(connection, reader, asked.draft, span, asked.enterprises)
    if not isinstance(wanted, Wanted):
        raise unfit(*wanted)
    try:
        number = await visit.parts.gateways.begin_backtest(wanted)
    except BusyError:
        raise BUSY from None
    return json_of(BegunRow(id=number), HTTPStatus.ACCEPTED)


async def cancel(visit: Visit) -> web.StreamResponse:
    """Have a back-test ended; one that has ended stays as it is."""
    asked_for(Shown, visit)
    async with visit.reading() as (connection, _reader):
        found = await seen(connection, visit)
        await end_early(connection, found.id)
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def _backtests(asked: Asked[Filters]) -> Found[BacktestRow]:
    before = None if asked.after is None else int(asked.after[0])
    firms = asked.reader.enterprises
    found = await list_backtests(asked.connection, firms, before, asked.limit + 1)
    return cut([_row(one) for one in found], lambda row: (row.id,), asked.limit)


async def _backtest(connection: Connection, reader: Reader, identity: str) -> BacktestWhole | None:
    found = await find_backtest(connection, int(identity))
    if found is None or not reader.sees(found.enterprise):
        return None
    return BacktestWhole(backtest=_row(found), outcome=found.outcome)


def _row(one: Backtest) -> BacktestRow:
    plain = {name: getattr(one, name) for name in BacktestRow.__struct_fields__}
    return BacktestRow(**plain | {"enterprises": list(one.enterprises)})


_DRAFTERS: Final = Right("norm_draft")
BACKTESTS: Final[tuple[Resource[Any, Any], ...]] = (
    Resource(
        name="backtests",
        zh="规则试算，最近的在前",
        en="Proposed rules that were tried on the past, the latest first",
        row=BacktestRow,
        needs=Only(OFFICERS | CITY_WIDE),
        filters=Filters,
        key=(0,),
        load=_backtests,
        one="backtest",
        find=_backtest,
        whole=BacktestWhole,
    ),
)
TRIALS: Final = (
    Operation(
        method="POST", path="/backtests", name="api.backtest.begin", group="backtests",
        zh="用历史数据试算草案", en="Try a proposal on the past; one at a time",
        handler=begin, needs=_DRAFTERS, body=Trying, told=BegunRow, status=HTTPStatus.ACCEPTED,
    ),
    Operation(
        method="DELETE", path="/backtests/{backtest}", name="api.backtest.cancel",
        group="backtests", zh="取消试算", en="Have a back-test ended",
        handler=cancel, needs=_DRAFTERS, status=HTTPStatus.NO_CONTENT,
    ),
)  # fmt: skip
