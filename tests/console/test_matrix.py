"""Who may what: every route, as everybody, of one's own and of somebody else's."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import aiohttp
import asyncpg
import pytest
import pytest_asyncio
from aiohttp import web
from tests.console.browser import with_accounts
from tests.console.conftest import City
from tests.console.desk import Gateways, Time
from tests.storage.acting.two_firms import PEOPLE, UNITS

from wattwarden.alarms.registry.nouns import Person
from wattwarden.console.doors import Doors, Parts
from wattwarden.console.guard import Guard
from wattwarden.console.keys import KeyRing
from wattwarden.console.pages import Pages
from wattwarden.console.rail import ITEMS
from wattwarden.console.rooms import ROUTES
from wattwarden.console.routes import OPEN, Right, Route, roles_of
from wattwarden.console.store import Store
from wattwarden.console.visit import Visit
from wattwarden.console.visitor import CSRF_HEADER, SESSION_COOKIE, form_mark
from wattwarden.console.whose import OWNERS
from wattwarden.storage.database import Connection
from wattwarden.storage.people.secret import digest

# Whoever is not signed in gets this and nothing else; an addition is meant, and stands here.
OPEN_ROUTES: Final = frozenset(
    {
        "sign_in",
        "check_password",
        "check_code",
        "leave_for_provider",
        "provider_back",
        "welcome",
        "accept",
    }
)
# Of whom each sees things; None: of all.
SEEN: Final[Mapping[str, str | None]] = {
    "duty1": "E1",
    "head2": "E2",
    "fitter1": "E1",
    "district1": "E1",
    "district2": "E2",
    "city": None,
    "leader": None,
    "admin": None,
    "auditor": None,
}
WHO: Final = {one.id: one for one in PEOPLE if one.id in SEEN}
COOKIES: Final = {person: f"secret-of-{person}" for person in WHO}
REACHED: Final = 299
UNKNOWN_IDS: Final = ("999999999999", "nothing")


@dataclass(frozen=True, slots=True)
class House:
    """Every route with a handler that tells that it was reached, and who comes by which cookie."""

    url: str
    cookies: Mapping[str, str]
    things: Mapping[str, Mapping[str, str]]
    session: aiohttp.ClientSession

    async def ask(
        self, route: Route, person: str | None, ids: Mapping[str, str], **headers: str
    ) -> int:
        """Ask for a route as somebody; return what is answered."""
        path = re.sub(r"{(\w+)[^}]*}", lambda found: ids.get(found[1], "1"), route.path)
        if person is not None:
            secret = self.cookies[person]
            headers["Cookie"] = f"{SESSION_COOKIE}={secret}"
            headers[CSRF_HEADER] = form_mark(secret)
        async with self.session.request(
            route.method, self.url + path, headers=headers, allow_redirects=False
        ) as answer:
            return answer.status


@pytest.fixture(scope="module")
def known(city: City) -> Mapping[str, Mapping[str, str]]:
    """Fill the store, let everybody be signed in, and return things of both firms."""
    city.fill()
    return asyncio.run(with_everybody(city.dsn))


async def with_everybody(dsn: str) -> Mapping[str, Mapping[str, str]]:
    await with_accounts(dsn, *WHO)
    connection = await asyncpg.connect(dsn)
    await connection.executemany(
        "INSERT INTO console_session (token, person, idle, expires, address, agent)"
        " VALUES ($1, $2, interval '1 hour', now() + interval '1 hour', '', '')",
        [(digest(secret), person) for person, secret in COOKIES.items()],
    )
    await connection.executemany(
        "INSERT INTO api_token (token, person, name, scopes, expires)"
        " VALUES ($1, 'admin', '', $2, now() + interval '1 hour')",
        [(digest("ww_reads"), ["read"]), (digest("ww_acts"), ["read", "act"])],
    )
    await connection.execute("DELETE FROM meter WHERE address LIKE 'm-%'")
    things = {
        firm: await things_of(connection, firm, {"E1": "L1", "E2": "L9"}[firm]) for firm in UNITS
    }
    await connection.close()
    return things


@pytest_asyncio.fixture
async def house(
    city: City, known: Mapping[str, Mapping[str, str]], tmp_path: Path
) -> AsyncIterator[House]:
    parts = Parts(
        Store(city.dsn), KeyRing(tmp_path, Time()), Pages(""), Gateways(), secrets=tmp_path
    )
    runner = web.AppRunner(probing(parts), access_log=None)
    await runner.setup()
    door = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, door).start()
    url = f"http://127.0.0.1:{door.getsockname()[1]}"
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield House(url, COOKIES, known, session)
    await runner.cleanup()
    await parts.store.close()


def probing(parts: Parts) -> web.Application:
    """Return an application with the real guard, whose handlers only say that they were reached."""

    async def reached(_visit: Visit) -> web.StreamResponse:
        return web.Response(status=REACHED)

    doors = Doors(parts)
    guard = Guard(parts, doors)
    app = web.Application(middlewares=[doors.middleware])
    for route in ROUTES:
        handler = guard.of(replace(route, handler=reached))
        app.router.add_route(route.method, route.path, handler, name=route.name)
    return app


async def things_of(connection: Connection, firm: str, line: str) -> dict[str, str]:
    """Return one thing of a firm by each parameter that paths have."""
    alarm = await connection.fetchval("SELECT id FROM alarm WHERE enterprise = $1", firm)
    found = {"enterprise": firm, "line": line, "unit": UNITS[firm], "alarm": str(alarm)}
    rows = await connection.fetch(
        "SELECT DISTINCT ON (kind) kind, body ->> 'id' AS id FROM decision"
        " WHERE enterprise = $1 AND body ? 'id' ORDER BY kind, id",
        firm,
    )
    found["notice"] = str(
        await connection.fetchval("SELECT min(id) FROM outbox WHERE enterprise = $1", firm)
    )
    meter = await meter_of(connection, firm)
    command = await connection.fetchval(
        "INSERT INTO command (meter, body, actor, entered_at, expires_at)"
        " VALUES ($1, '{}', 'city', now(), now() + interval '1 hour') RETURNING id",
        meter,
    )
    backtest = await connection.fetchval(
        "INSERT INTO backtest (person, draft, version, since, until, enterprises, state)"
        " VALUES ('city', 'ND1', '', now(), now() + interval '1 hour', $1, 'done') RETURNING id",
        [firm],
    )
    found |= {"meter": str(meter), "command": str(command), "backtest": str(backtest)}
    decided = {row["kind"]: row["id"] for row in rows}
    return decided | {OTHER_NAMES.get(kind, kind): one for kind, one in decided.items()} | found


async def meter_of(connection: Connection, firm: str) -> int:
    """Return the number of a meter with a point on a unit of a firm, made for it."""
    name = f"m-{firm}"
    await connection.execute(
        "INSERT INTO registry_entry (kind, id, version, body, removed, decision)"
        " SELECT 'point', $1, 1, jsonb_build_object('id', $1::text, 'meter', 'acrel:' || $1,"
        " 'unit', $2::text, 'valid_from', '2026-01-01T00:00:00Z'), FALSE, max(id)"
        " FROM decision",
        name,
        UNITS[firm],
    )
    number: int = await connection.fetchval(
        "INSERT INTO meter (codec, address, state, enrolled_at)"
        " VALUES ('acrel', $1, 'accepted', now()) RETURNING id",
        name,
    )
    return number


# Where a parameter is not called as the kind of decision is.
OTHER_NAMES: Final = {"assistance": "request"}


def owned(route: Route) -> list[str]:
    return [name for name in route.parameters if name in OWNERS]


def is_let_in(route: Route, person: Person) -> bool:
    able = roles_of(route.needs)
    return able is None or person.role in able


@pytest.mark.parametrize("person", WHO)
async def test_everybody_gets_what_is_theirs_and_nothing_else(house: House, person: str) -> None:
    wrong: list[str] = []

    async def check(route: Route, expected: int, ids: Mapping[str, str], what: str) -> None:
        status = await house.ask(route, person, ids)
        if status != expected:
            wrong.append(f"{route.method} {route.path} {what}: {status}, not {expected}")

    async with asyncio.TaskGroup() as asking:
        for route in ROUTES:
            let_in = is_let_in(route, WHO[person])
            for firm in UNITS if owned(route) else ("E1",):
                is_seen = not owned(route) or SEEN[person] in {None, firm}
                expected = (REACHED if is_seen else 404) if let_in else 403
                asking.create_task(check(route, expected, house.things[firm], firm))
            if owned(route) and let_in:
                for nothing in UNKNOWN_IDS:
                    ids = dict.fromkeys(owned(route), nothing)
                    asking.create_task(check(route, 404, ids, nothing))
    assert not wrong


async def test_nobody_gets_what_is_open_and_nothing_else(house: House) -> None:
    assert {one.name for one in ROUTES if one.needs is OPEN} - OPEN_ROUTES <= API_OPEN
    for route in ROUTES:
        status = await house.ask(route, None, house.things["E1"])
        if route.needs is OPEN:
            # A form of theirs has no mark.
            assert status == (403 if route.changes else REACHED), route.path
        else:
            assert status == (401 if route.path.startswith("/api/") else 303), route.path


# What the interface tells programs of itself before they have a token.
API_OPEN: Final = frozenset({"api.openapi", "api_docs"})


async def test_whatever_changes_something_takes_the_mark_of_its_page(house: House) -> None:
    for route in ROUTES:
        if not route.changes or not is_let_in(route, WHO["admin"]):
            continue
        for mark in ("", form_mark("secret-of-duty1")):
            secret = house.cookies["admin"]
            status = await house.ask(
                route,
                None,
                house.things["E1"],
                Cookie=f"{SESSION_COOKIE}={secret}",
                **{CSRF_HEADER: mark},
            )
            assert status == 403, route.path


async def test_whatever_changes_something_takes_a_token_that_may(house: House) -> None:
    for route in ROUTES:
        if route.needs is OPEN or not is_let_in(route, WHO["admin"]):
            continue
        ids = house.things["E1"]
        reads = await house.ask(route, None, ids, Authorization="Bearer ww_reads")
        assert reads == (403 if route.changes else REACHED), route.path
        acts = await house.ask(route, None, ids, Authorization="Bearer ww_acts")
        is_of_a_page = route.changes and not route.path.startswith("/api/")
        assert acts == (403 if is_of_a_page else REACHED), route.path
        assert await house.ask(route, None, ids, Authorization="Bearer ww_other") == 401
        cookie = f"{SESSION_COOKIE}={house.cookies['admin']}"
        wrong = await house.ask(route, None, ids, Authorization="Basic eDp5", Cookie=cookie)
        assert wrong == 401, "where a token is said, no cookie counts"


def test_names_and_addresses_are_there_once() -> None:
    assert len({one.name for one in ROUTES}) == len(ROUTES)
    assert len({(one.method, one.path) for one in ROUTES}) == len(ROUTES)


def test_a_parameter_of_which_nobody_knows_whose_it_is_makes_no_route() -> None:
    with pytest.raises(ValueError, match="nobody knows whose treasure is"):
        Route("GET", "/x/{treasure}", ROUTES[0].handler, OPEN, "x")


def test_a_right_that_nobody_could_have_makes_no_route() -> None:
    with pytest.raises(ValueError, match="fly is no right"):
        Right("fly")


def test_what_the_rail_leads_to_is_read_and_not_sent() -> None:
    by_name = {one.name: one for one in ROUTES}
    for item in ITEMS:
        route = by_name.get(item.route)
        assert route is None or (route.method == "GET" and not route.parameters), item.route
