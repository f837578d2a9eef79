"""Proposed rules tried on the past: begun, followed while they fold, read when they are done."""

import re
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from wattwarden.alarms.acting.rights import RIGHTS
from wattwarden.alarms.acting.scope import Reader
from wattwarden.alarms.decisions.norms import Norm, NormDraft
from wattwarden.alarms.registry.nouns import Enterprise
from wattwarden.console.doors import NOT_FOUND, PARTS, PageError, told
from wattwarden.console.visit import Visit
from wattwarden.protocol.codec import DEFAULT_ZONE
from wattwarden.storage.backtests import (
    Backtest,
    BusyError,
    State,
    Wanted,
    end_early,
    find_backtest,
    list_backtests,
)
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.decisions import told as decided
from wattwarden.storage.registry.norms import find_draft
from wattwarden.storage.registry.records import load_some
from wattwarden.storage.text import is_number

# A month: longer ones take more than an hour for a city, and rules are judged by fewer days.
MOST_SPAN: Final = timedelta(days=31)
USUAL_SPAN: Final = timedelta(days=7)
# More are meant by naming none, which is all.
MOST_FIRMS: Final = 500
_BETWEEN_IDS: Final = re.compile(r"[\s,;，；、]+")


async def with_backtests(app: web.Application) -> AsyncIterator[None]:
    """End what runs of them when the console closes."""
    yield
    await app[PARTS].gateways.close()


async def show_all(visit: Visit) -> web.StreamResponse:
    """Ask what to try on what, and list what was tried."""
    return await _page(visit, {}, [])


async def begin(visit: Visit) -> web.StreamResponse:
    """Begin to try a proposal."""
    form = {name: visit.field(name) for name in ("draft", "since", "until", "firms")}
    # The last day counts whole, as far as it has come.
    since, until = _midnight(form["since"]), _midnight(form["until"], days=1)
    if since is None or until is None:
        return await _page(visit, form, [("请填写起止日期。", "Say from when to when.")])
    firms = tuple(dict.fromkeys(filter(None, _BETWEEN_IDS.split(form["firms"]))))
    async with visit.reading() as (connection, reader):
        span = (since, min(until, reader.now))
        wanted = await wanted_of(connection, reader, form["draft"], span, firms)
    if not isinstance(wanted, Wanted):
        return await _page(visit, form, [wanted])
    try:
        number = await visit.parts.gateways.begin_backtest(wanted)
    except BusyError:
        return await _page(visit, form, [(BUSY.zh, BUSY.en)], BUSY.status)
    return visit.go(visit.url("backtest", backtest=number))


async def show_one(visit: Visit) -> web.StreamResponse:
    """Show how far a back-test is, or what it came to; htmx asks for that part alone."""
    async with visit.reading() as (connection, _reader):
        found = await seen(connection, visit)
    shown = {
        "one": found,
        "able": visit.person.role in RIGHTS[NormDraft.kind_name],
        "is_running": found.state is State.RUNNING,
    }
    name = "rules/backtest_live.html" if visit.wants_fragment else "rules/backtest.html"
    return visit.page(name, shown)


async def cancel(visit: Visit) -> web.StreamResponse:
    """Have a back-test ended."""
    async with visit.reading() as (connection, _reader):
        found = await seen(connection, visit)
        await end_early(connection, found.id)
    return visit.go(visit.url("backtest", backtest=found.id))


async def wanted_of(
    connection: Connection,
    reader: Reader,
    draft: str,
    span: tuple[datetime, datetime],
    firms: Sequence[str],
) -> Wanted | tuple[str, str]:
    """Return what is to be tried, or what is wrong with it, in both languages.

    Raises:
        StorageError: The database is away.
    """
    since, until = span
    if not timedelta(0) < until - since <= MOST_SPAN:
        days = MOST_SPAN.days
        return f"时段最长{days}天，且止晚于起。", f"A span has {days} days at most, forwards."
    if len(firms) > MOST_FIRMS:
        return f"最多{MOST_FIRMS}家，不填为全部。", f"{MOST_FIRMS} firms at most; none is all."
    found = await find_draft(connection, draft)
    if found is None or found[1].norm is not Norm.RULES:
        return "没有此草案。", "There is no such draft."
    there = {one.id for one in await load_some(connection, Enterprise, firms)}
    if unknown := [one for one in firms if one not in there or not reader.sees(one)]:
        names = "、".join(unknown[:5])
        return f"没有企业 {names}。", f"There is no firm {names}."
    person = "" if reader.person is None else reader.person.id
    if reader.enterprises is not None and len(firms) != 1:
        return "请选一家辖区内的企业。", "Name one firm that is yours to see."
    body = found[1]
    return Wanted(person, draft, body.version, body.text, since, until, tuple(firms))


async def seen(connection: Connection, visit: Visit) -> Backtest:
    """Return the back-test of the path.

    Raises:
        PageError: 404; there is none.
    """
    number = visit.parameter("backtest")
    found = await find_backtest(connection, int(number)) if is_number(number) else None
    if found is None or not visit.reader.sees(found.enterprise):
        raise NOT_FOUND
    return found


async def _page(
    visit: Visit,
    form: dict[str, str],
    refused: list[tuple[str, str]],
    status: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY,
) -> web.Response:
    async with visit.reading() as (connection, reader):
        known = await list_backtests(connection, reader.enterprises)
        drafted = await _drafts(connection)
    today = reader.now.astimezone(DEFAULT_ZONE).date()
    usual = {
        "draft": visit.asked("draft"),
        "since": (today - USUAL_SPAN).isoformat(),
        "until": today.isoformat(),
        "firms": "",
    }
    shown: dict[str, Any] = {
        "known": known,
        "drafts": drafted,
        "form": usual | form,
        "most_days": MOST_SPAN.days,
        "refused": told(refused),
        "able": visit.person.role in RIGHTS[NormDraft.kind_name],
    }
    return visit.page("rules/backtests.html", shown, status if refused else HTTPStatus.OK)


async def _drafts(connection: Connection) -> list[NormDraft]:
    from_all = await decided(connection, [NormDraft.kind_name], where={"norm": Norm.RULES.value})
    return [one.body for one in reversed(from_all) if isinstance(one.body, NormDraft)]


def _midnight(text: str, days: int = 0) -> datetime | None:
    """Return when a day of a form begins, or one some days later; None where it says none."""
    try:
        day = date.fromisoformat(text) + timedelta(days=days)
        return datetime.combine(day, time(), DEFAULT_ZONE).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


BUSY: Final = PageError(
    HTTPStatus.CONFLICT,
    "busy",
    "已有一次试算在运行，请等它结束。",
    "A back-test runs already; wait for its end.",
)
