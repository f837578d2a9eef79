"""What officers offer firms: training, round tables, solutions, reminders; one firm's help."""

from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

from wattwarden.alarms.decisions.body import NEW, Body
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.service.bodies import (
    Guidance,
    Reminder,
    RoundTable,
    Solution,
    Topic,
    Training,
)
from wattwarden.alarms.statistics.response import Period
from wattwarden.console.able import may
from wattwarden.console.board.kept import KNOWN
from wattwarden.console.board.rows import person_of
from wattwarden.console.service.own import LOOKED_BACK, matter_rows, weak_rows
from wattwarden.console.service.requests import row_of
from wattwarden.console.service.words import GUIDANCE, TOPICS
from wattwarden.console.visit import Visit
from wattwarden.console.written import (
    answer,
    count_in,
    local_field,
    moment_in,
    needed_moment,
    needed_word,
)
from wattwarden.storage.service.firm import load_matters, load_weak_points
from wattwarden.storage.service.load import (
    Given,
    load_given,
    load_reminders,
    load_requests,
    load_sent,
)

# A list that one reads to its end.
MOST_SHOWN: Final = 200
# As many as a training of a whole industry may have had (``Training``).
MOST_ATTENDEES: Final = 100_000


async def show_guidance(visit: Visit) -> web.Response:
    """List what firms were helped with beside requests, and what they were reminded of."""
    return await _page(visit, None)


async def enter_training(visit: Visit) -> web.Response:
    """Enter training of workers, or guidance of firms."""

    def body() -> Body:
        industry = visit.field("industry")
        return Training(
            id=NEW,
            guidance=needed_word(visit, "guidance", Guidance),
            title=visit.field("title"),
            at=needed_moment(visit, "at"),
            enterprises=visit.many("enterprise"),
            industry=industry or None,
            attendees=count_in(visit, "attendees", MOST_ATTENDEES),
            report=visit.field("report"),
        )

    return await _enter(visit, body)


async def enter_round_table(visit: Visit) -> web.Response:
    """Enter a round table with entrepreneurs."""

    def body() -> Body:
        return RoundTable(
            id=NEW,
            title=visit.field("title"),
            at=needed_moment(visit, "at"),
            enterprises=visit.many("enterprise"),
            report=visit.field("report"),
        )

    return await _enter(visit, body)


async def enter_solution(visit: Visit) -> web.Response:
    """Enter a problem that was solved without a request."""

    def body() -> Body:
        return Solution(
            id=NEW,
            enterprise=visit.field("firm"),
            topic=needed_word(visit, "topic", Topic),
            problem_text=visit.field("problem"),
            solution=visit.field("solution"),
        )

    return await _enter(visit, body)


async def remind(visit: Visit) -> web.Response:
    """Remind a firm, or all of an industry, of what to see to in time."""

    def body() -> Body:
        return Reminder(
            id=NEW,
            text=visit.field("text"),
            enterprise=visit.field("firm") or None,
            industry=visit.field("industry") or None,
            due=moment_in(visit, "due"),
        )

    return await _enter(visit, body)


async def show_help(visit: Visit) -> web.Response:
    """Show one firm's help: where it is weak, what it should see to, what it asked."""
    firm = visit.parameter("enterprise")
    async with visit.reading() as (connection, reader):
        registry = await visit.request.app[KNOWN].registry(connection)
        record = registry.enterprise[firm]
        weak = await load_weak_points(
            connection, firm, Period(reader.now - LOOKED_BACK, reader.now)
        )
        matters = await load_matters(connection, record, reader.now)
        reminders = await load_reminders(connection, record)
        requests = await load_requests(connection, enterprises=[firm])
    parts = {
        "firm": record,
        "weak": weak_rows(weak, registry),
        "matters": matter_rows(matters[:MOST_SHOWN], registry),
        "reminders": list(reversed(reminders))[:MOST_SHOWN],
        "rows": [row_of(one, registry, visit.person) for one in reversed(requests)][:MOST_SHOWN],
        "name_of": lambda who: person_of(who, registry) or who,
        "can_remind": may(visit, registry, "reminder", firm),
        "own": visit.person.enterprise == firm,
        "now": reader.now,
    }
    return visit.page("service/firm.html", parts)


async def _enter(visit: Visit, body: Callable[[], Body]) -> web.Response:
    """Decide what a form says, and lead back; what stands against it is said there."""
    try:
        await visit.act(body())
    except RefusedError as error:
        return await _page(visit, error)
    return visit.go(visit.url("guidance"))


async def _page(visit: Visit, refused: RefusedError | None) -> web.Response:
    async with visit.reading() as (connection, reader):
        registry = await visit.request.app[KNOWN].registry(connection)
        given = await load_given(connection, reader)
        sent = await load_sent(connection, reader)
    firms = [one for one in registry.enterprise.values() if reader.sees(one.id)]
    parts = {
        "given": [_given(one, registry) for one in reversed(given)][:MOST_SHOWN],
        "counts": {
            kind: sum(isinstance(one.body, kind) for one in given)
            for kind in (Training, RoundTable, Solution)
        },
        "sent": list(reversed(sent))[:MOST_SHOWN],
        "firms": sorted(firms, key=lambda one: one.name),
        "industries": sorted({one.industry for one in registry.enterprise.values()}),
        "guidance": GUIDANCE,
        "topics": TOPICS,
        "firm_name": lambda one: _name_of(one, registry),
        "name_of": lambda who: person_of(who, registry) or who,
        "can_enter": any(may(visit, registry, "training", one.id) for one in firms[:1]),
        "can_city": may(visit, registry, "training"),
        "firm": visit.field("firm") or visit.asked("firm"),
        "at": visit.field("at") or local_field(reader.now),
        "now": reader.now,
    }
    return answer(visit, "service/guidance.html", parts, refused)


def _given(one: Given, registry: Registry) -> dict[str, Any]:
    """Return what firms were helped with, by names: all kinds alike."""
    body = one.body
    firms = [body.enterprise] if isinstance(body, Solution) else list(body.enterprises)
    return {
        "body": body,
        "entered": one.entered,
        "kind": type(body).kind_name,
        "at": one.entered.entered_at if isinstance(body, Solution) else body.at,
        "title": TOPICS[body.topic] if isinstance(body, Solution) else None,
        "firms": [_name_of(firm, registry) for firm in firms],
    }


def _name_of(firm: str | None, registry: Registry) -> str:
    record = registry.enterprise.get(firm or "")
    return (firm or "") if record is None else record.name
