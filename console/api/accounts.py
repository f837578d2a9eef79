"""Accounts of people, for whoever runs the system: told, invited, locked, let in again."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final

from aiohttp import web
from pydantic import Field

from wattwarden.alarms.acting.scope import Read, Reader
from wattwarden.alarms.registry.nouns import Person, Role
from wattwarden.console.access.users import changed, invited, locked
from wattwarden.console.api.asked import Filters, Shown, Text, asked_for
from wattwarden.console.api.operation import Operation
from wattwarden.console.api.resource import Asked, Found, Resource, by_id, cut, json_of
from wattwarden.console.api.rows import Row
from wattwarden.console.routes import Only
from wattwarden.console.visit import Visit
from wattwarden.storage.database import Connection
from wattwarden.storage.people.accounts import Standing, standings, unlock
from wattwarden.storage.people.invitations import LASTS
from wattwarden.storage.people.listing import find_people
from wattwarden.storage.people.log import Deed
from wattwarden.storage.registry.records import load_record


class AccountFilters(Filters):
    """Whose accounts."""

    q: Annotated[Text | None, Field(description="Only whose id, name or telephone has this.")] = (
        None
    )
    role: Annotated[Role | None, Field(description="Only of this role.")] = None


class AccountRow(Row, frozen=True):
    """A person and how their account stands; without `has_password` nobody comes in by it."""

    id: str
    name: str
    role: Role
    enterprise: str | None
    agency: str | None
    has_password: bool
    has_totp: bool
    must_change: bool
    locked: datetime | None
    last_seen: datetime | None
    sessions: int
    invited_until: datetime | None


class InvitationRow(Row, frozen=True):
    """A link that holds once, for so many days: whoever opens it chooses the password."""

    url: str
    days: int


async def invite(visit: Visit) -> web.StreamResponse:
    """Make a link for somebody, and tell it this once."""
    asked_for(Shown, visit)
    told = InvitationRow(url=await invited(visit), days=LASTS.days)
    return json_of(told, HTTPStatus.CREATED)


async def lock_out(visit: Visit) -> web.StreamResponse:
    """Keep somebody out, also where they are signed in."""
    asked_for(Shown, visit)
    return await _told(visit, await locked(visit))


async def let_in(visit: Visit) -> web.StreamResponse:
    """Let somebody in again."""
    asked_for(Shown, visit)
    return await _told(visit, await changed(visit, unlock, Deed.UNLOCKED, ends=False))


async def _told(visit: Visit, person: Person) -> web.Response:
    async with visit.reading() as (connection, _reader):
        known = await standings(connection, [person.id])
    return json_of(_row(person, known.get(person.id)))


async def _accounts(asked: Asked[AccountFilters]) -> Found[AccountRow]:
    filters = asked.filters
    after: str | None = "" if asked.after is None else str(asked.after[0])
    people: list[Person] = []
    while after is not None and len(people) <= asked.limit:
        found = await find_people(asked.connection, filters.q or "", filters.role, after)
        people += [one.person for one in found.people]
        after = found.after
    known = await standings(asked.connection, [one.id for one in people])
    return cut([_row(one, known.get(one.id)) for one in people], by_id, asked.limit)


async def _account(connection: Connection, _reader: Reader, identity: str) -> AccountRow | None:
    person = await load_record(connection, Person, identity)
    if person is None:
        return None
    return _row(person, (await standings(connection, [identity])).get(identity))


def _row(person: Person, standing: Standing | None) -> AccountRow:
    return AccountRow(
        id=person.id,
        name=person.name,
        role=person.role,
        enterprise=person.enterprise,
        agency=person.agency,
        has_password=standing is not None and standing.has_password,
        has_totp=standing is not None and standing.has_totp,
        must_change=standing is not None and standing.must_change,
        locked=None if standing is None else standing.locked,
        last_seen=None if standing is None else standing.last_seen,
        sessions=0 if standing is None else standing.sessions,
        invited_until=None if standing is None else standing.invited_until,
    )


_ADMINISTRATORS: Final = Only(frozenset({Role.ADMINISTRATOR}))
ACCOUNTS: Final[tuple[Resource[Any, Any], ...]] = (
    Resource(
        name="accounts",
        zh="账号状态",
        en="How people's accounts stand",
        row=AccountRow,
        needs=Read.AUDIT,
        filters=AccountFilters,
        key=("",),
        load=_accounts,
        one="person",
        find=_account,
    ),
)
ACCESS: Final = (
    Operation(
        method="POST", path="/accounts/{person}/invitation", name="api.invite", group="accounts",
        zh="生成一次性登录链接", en="Make a link by which somebody signs in, once",
        handler=invite, needs=_ADMINISTRATORS, told=InvitationRow, status=HTTPStatus.CREATED,
    ),
    Operation(
        method="POST", path="/accounts/{person}/lock", name="api.lock", group="accounts",
        zh="停用账号并结束其会话", en="Keep somebody out, also where they are signed in",
        handler=lock_out, needs=_ADMINISTRATORS, told=AccountRow,
    ),
    Operation(
        method="POST", path="/accounts/{person}/unlock", name="api.unlock", group="accounts",
        zh="恢复账号", en="Let somebody in again",
        handler=let_in, needs=_ADMINISTRATORS, told=AccountRow,
    ),
)  # fmt: skip
