"""Somebody of every role before every page: how long it takes, what is asked and sent for it."""

import asyncio
import math
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import aiohttp
from bench.console_server import QUERIES
from bench.processes import tree_cpu_s

from wattwarden.alarms.acting.scope import READS, Read
from wattwarden.alarms.registry.nouns import Role
from wattwarden.console.rooms import ROUTES
from wattwarden.console.routes import OPEN, Route, roles_of
from wattwarden.console.visitor import SESSION_COOKIE
from wattwarden.storage.database import Connection
from wattwarden.storage.people.secret import digest

# Bars of the platform's own specification.
PAGE_P95_MS: Final = 150.0
CURVE_P95_MS: Final = 200.0
FIRST_LOAD_KB: Final = 300.0
# Of pages with the drawing library that maps take.
MAP_LOAD_KB: Final = 500.0
MAP_SCRIPT: Final = "echarts"
WARM: Final = 2
# Streams last as long as the page; the rest of the interface has a bar of its own.
_NO_PAGES: Final = ("live",)
# Where no page is the right answer: the status, and why.
REFUSED: Final[Mapping[str, tuple[int, str]]] = {
    "task": (404, "whoever is visited hears of a task when the officer is there"),
    "meter_frames": (503, "this console has no journal to look into"),
    "alarm_package": (503, "this console makes no packages of evidence"),
}
A_FILE: Final = "a file to keep, for which one waits; no first load of a page"
_FETCHED: Final = re.compile(r'(?:href|src)="([^"]*/static/[^"]+)"')
# One thing of each parameter that addresses have, several where there are many.
EXAMPLES: Final = {
    "enterprise": "SELECT enterprise FROM alarm GROUP BY 1 ORDER BY count(*) DESC LIMIT 3",
    "line": "SELECT line FROM alarm WHERE line <> '' GROUP BY 1 ORDER BY count(*) DESC LIMIT 5",
    "unit": "SELECT unit FROM unit_transition GROUP BY 1 ORDER BY count(*) DESC LIMIT 3",
    "alarm": "(SELECT id FROM alarm WHERE ended IS NULL ORDER BY id LIMIT 2) UNION ALL"
    " (SELECT a.id FROM alarm AS a JOIN alarm_case AS c ON c.alarm = a.id"
    " WHERE c.state = 'verified' ORDER BY a.id DESC LIMIT 2)",
    "meter": "SELECT id FROM meter ORDER BY id LIMIT 3",
    "held": "SELECT max(id) FROM quarantine",
    "person": "SELECT person FROM account ORDER BY 1 LIMIT 2",
    "notice": "SELECT max(id) FROM outbox",
    "command": "SELECT max(id) FROM command",
    "file": "SELECT body ->> 'sha256' FROM decision WHERE kind = 'evidence' LIMIT 1",
    "kind": "SELECT 'unit'",
    "record": "SELECT unit FROM unit_transition LIMIT 1",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """Where pages are asked for, whose processors' time that is, how often, and which routes."""

    url: str
    processes: tuple[int, ...]
    times: int
    only: str = ""


@dataclass(slots=True)
class Looked:
    """What came of asking for a page as a role, some times."""

    route: Route
    role: Role
    path: str
    took_ms: list[float] = field(default_factory=list)
    cpu_ms: float = 0.0
    queries: int = 0
    page_kb: float = 0.0
    load_kb: float = 0.0
    has_map: bool = False
    is_file: bool = False
    status: int = 0

    def percentile(self, share: float) -> float:
        """Return how long such a share of the answers took at most, ms."""
        ordered = sorted(self.took_ms)
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)]

    @property
    def summary(self) -> str:
        """What is told while the others are asked for."""
        span = f"{self.percentile(0.5):.0f} {self.percentile(0.95):.0f} ms"
        asked = f"{self.cpu_ms:.0f} CPU, {self.queries} queries"
        return f"{self.path} {self.status} {span}, {asked}, {self.load_kb:.0f} KB"

    @property
    def is_curve(self) -> bool:
        """Whether it is the data of a chart."""
        return self.route.name.endswith("curves")

    @property
    def excepted(self) -> str:
        """Why the bars are not for it; "" where they are."""
        status, why = REFUSED.get(self.route.name, (0, ""))
        told = self.route.name == "task" and self.role in READS[Read.VISITS]
        if self.status == status and not told:
            return f"{status}: {why}"
        return A_FILE if self.is_file else ""

    @property
    def wrong(self) -> list[str]:
        """Which bars it breaks."""
        if self.excepted:
            return []
        if self.status != 200:
            return [f"status {self.status}"]
        found = []
        limit = CURVE_P95_MS if self.is_curve else PAGE_P95_MS
        if self.percentile(0.95) > limit:
            found.append(f"P95 > {limit:.0f} ms")
        most = MAP_LOAD_KB if self.has_map else FIRST_LOAD_KB
        if self.load_kb > most:
            found.append(f"> {most:.0f} KB")
        return found


@dataclass(frozen=True, slots=True)
class Looker:
    """Somebody who is signed in."""

    person: str
    role: Role
    cookie: str
    enterprise: str | None


async def sign_in_all(store: Connection) -> dict[Role, list[Looker]]:
    """Give everybody of the registry a session; return them by role."""
    rows = await store.fetch(
        "SELECT DISTINCT ON (id) id, body ->> 'role' AS role, body ->> 'enterprise' AS enterprise"
        " FROM registry_entry WHERE kind = 'person' ORDER BY id, version DESC"
    )
    await store.execute("DELETE FROM console_session")
    await store.executemany(
        "INSERT INTO account (person, password) VALUES ($1, 'x') ON CONFLICT DO NOTHING",
        [(row["id"],) for row in rows],
    )
    await store.executemany(
        "INSERT INTO console_session (token, person, idle, expires, address, agent)"
        " VALUES ($1, $2, interval '1 day', now() + interval '1 day', '', '')",
        [(digest(f"session-of-{row['id']}"), row["id"]) for row in rows],
    )
    found: dict[Role, list[Looker]] = {role: [] for role in Role}
    for row in rows:
        cookie = f"{SESSION_COOKIE}=session-of-{row['id']}"
        role = Role(row["role"])
        found[role].append(Looker(row["id"], role, cookie, row["enterprise"]))
    return found


async def examples(store: Connection, looker: Looker) -> dict[str, list[str]]:
    """Return things that addresses may name, as far as somebody may see them."""
    found = {}
    for name, query in EXAMPLES.items():
        found[name] = [str(row[0]) for row in await store.fetch(query) if row[0] is not None]
    rows = await store.fetch(
        "SELECT kind, array_agg(DISTINCT body ->> 'id') AS ids FROM decision"
        " WHERE body ? 'id' AND kind <> 'action' AND ($1::text IS NULL OR enterprise = $1)"
        " GROUP BY kind",
        looker.enterprise,
    )
    found |= {row["kind"]: row["ids"][:3] for row in rows}
    found["request"] = found.get("assistance", [])
    if looker.enterprise is None:
        return found
    firm = looker.enterprise
    own = {
        "enterprise": "SELECT $1::text",
        "line": "SELECT DISTINCT line FROM alarm WHERE enterprise = $1 AND line <> '' LIMIT 3",
        "unit": "SELECT DISTINCT unit FROM unit_transition WHERE enterprise = $1 LIMIT 3",
        "alarm": "SELECT id FROM alarm WHERE enterprise = $1 ORDER BY id DESC LIMIT 3",
        "notice": "SELECT max(id) FROM outbox WHERE enterprise = $1",
        "meter": "SELECT m.id FROM meter AS m JOIN registry_entry AS p ON p.kind = 'point'"
        " AND p.body ->> 'meter' = m.codec || ':' || m.address JOIN registry_entry AS u"
        " ON u.kind = 'unit' AND u.id = p.body ->> 'unit' AND u.body ->> 'enterprise' = $1 LIMIT 2",
    }
    for name, query in own.items():
        rows = await store.fetch(query, firm)
        found[name] = [str(row[0]) for row in rows if row[0] is not None]
    return found


def pages() -> list[Route]:
    """Return every address that is looked at, the interface for programs left out."""
    return [
        one
        for one in ROUTES
        if one.method == "GET" and not one.path.startswith("/api/v") and one.name not in _NO_PAGES
    ]


def paths_of(route: Route, things: Mapping[str, Sequence[str]]) -> list[str]:
    """Return addresses of a route with examples put in; none where one is missing."""
    most = max((len(things.get(name, ())) for name in route.parameters), default=1)
    found = []
    for place in range(most):
        path = route.path
        for name in route.parameters:
            many = things.get(name, ())
            if not many:
                return []
            path = re.sub(rf"{{{name}[^}}]*}}", many[place % len(many)], path)
        found.append(f"{path}?span=month" if route.name == "line_curves" else path)
    return found


async def look(asked: Asked, looker: Looker, things: Mapping[str, Sequence[str]]) -> list[Looked]:
    """Ask for every page that a role may see, so often; one after another."""
    found = []
    headers = {"Cookie": looker.cookie, "Accept-Encoding": "gzip, br"}
    async with aiohttp.ClientSession(
        asked.url, headers=headers, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
    ) as session:
        for route in pages():
            able = roles_of(route.needs)
            if route.needs is OPEN or (able is not None and looker.role not in able):
                continue
            if not route.name.startswith(asked.only):
                continue
            if paths := paths_of(route, things):
                found.append(
                    await _look(session, asked, Looked(route, looker.role, paths[0]), paths)
                )
                print(f"{looker.role.value}: {found[-1].summary}", file=sys.stderr, flush=True)
    return [one for one in found if one.status not in (303, 302)]


async def _look(
    session: aiohttp.ClientSession, asked: Asked, looked: Looked, paths: Sequence[str]
) -> Looked:
    began_s = 0.0
    for place in range(-WARM * len(paths), asked.times):
        if place == 0:
            began_s = tree_cpu_s(asked.processes)
        path = paths[place % len(paths)]
        started = time.perf_counter()
        async with session.get(path, allow_redirects=False) as answer:
            body = await answer.read()
            took = 1000 * (time.perf_counter() - started)
        looked.status = answer.status
        looked.is_file = "Content-Disposition" in answer.headers
        if answer.status != 200:
            looked.path, looked.took_ms = path, [took]
            return looked
        if place >= 0:
            looked.took_ms.append(took)
            looked.queries = max(looked.queries, int(answer.headers.get(QUERIES, "0")))
            looked.page_kb = max(looked.page_kb, len(body) / 1024)
    looked.cpu_ms = 1000 * (tree_cpu_s(asked.processes) - began_s) / asked.times
    await _first_load(session, looked)
    return looked


async def _first_load(session: aiohttp.ClientSession, looked: Looked) -> None:
    """Fetch what a page brings along, as a browser that comes for the first time."""
    plain = {"Accept-Encoding": "identity"}
    async with session.get(looked.path, headers=plain) as answer:
        text = await answer.text() if answer.content_type == "text/html" else ""
        if not text:
            await answer.read()
    fetched = sorted(set(_FETCHED.findall(text)))
    looked.has_map = any(MAP_SCRIPT in one for one in fetched)
    sizes = await asyncio.gather(*(_size(session, one) for one in fetched))
    looked.load_kb = looked.page_kb + sum(sizes) / 1024


async def _size(session: aiohttp.ClientSession, path: str) -> int:
    async with session.get(path) as answer:
        return len(await answer.read())
