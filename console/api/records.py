"""Records of the registry one by one, with their tags: nobody overwrites what they did not see.

GET ─► tag ─► PUT, If-Match: tag ─► 200          somebody was faster ─► 412, and nothing is kept
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import web

from wattwarden.alarms.acting.roles import CITY_OFFICERS, CITY_WIDE
from wattwarden.alarms.registry.changes import Change
from wattwarden.alarms.registry.nouns import KINDS, Noun
from wattwarden.console.api.asked import Shown, asked_for, unfit
from wattwarden.console.api.operation import Operation
from wattwarden.console.api.resource import tag_of, tagged
from wattwarden.console.api.rows import Row
from wattwarden.console.api.sent import CHANGED, check_match, read, sent_json
from wattwarden.console.doors import NOT_FOUND
from wattwarden.console.routes import Only, Right
from wattwarden.console.visit import Visit
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.registry import history, history_held, save_registry
from wattwarden.storage.system_time import system_now

# Telephones of everybody stand in it.
READERS: Final = Only(CITY_WIDE | CITY_OFFICERS)
_WRITERS: Final = Right("registry")
_PATH: Final = "/registry/{kind}/{record}"


class RecordRow(Row, frozen=True):
    """A record as it stands: its versions so far, and the decision that made the last."""

    kind: str
    id: str
    version: int
    decision: int
    record: dict[str, Any]


async def get_record(visit: Visit) -> web.StreamResponse:
    """Tell a record with its tag."""
    asked_for(Shown, visit)
    kind, identity = _kind(visit), visit.parameter("record")
    async with visit.reading() as (connection, _reader):
        found = _standing(kind, identity, await history(connection, kind, identity))
    if found is None:
        raise NOT_FOUND
    return tagged(visit.request, found)


async def put_record(visit: Visit) -> web.StreamResponse:
    """Put a record in the place of the one with its id, or enter it where there is none."""
    asked_for(Shown, visit)
    kind, identity = _kind(visit), visit.parameter("record")
    record = read(await sent_json(visit), KINDS[kind])
    if record.id != identity:
        raise _OTHER_ID
    async with visit.reading() as (connection, _reader), connection.transaction():
        before = await _held(visit, connection, kind, identity)
        if before is None or before.record != msgspec.to_builtins(record):
            await _save(visit, connection, Change(kind, identity, record))
        after = _standing(kind, identity, await history(connection, kind, identity))
    assert after is not None  # noqa: S101  it was put there
    status = HTTPStatus.CREATED if before is None else HTTPStatus.OK
    return tagged(visit.request, after, status)


async def delete_record(visit: Visit) -> web.StreamResponse:
    """Remove a record; its versions stay."""
    asked_for(Shown, visit)
    kind, identity = _kind(visit), visit.parameter("record")
    async with visit.reading() as (connection, _reader), connection.transaction():
        if await _held(visit, connection, kind, identity) is None:
            raise NOT_FOUND
        await _save(visit, connection, Change(kind, identity, None))
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def _held(visit: Visit, connection: Connection, kind: str, identity: str) -> RecordRow | None:
    """Return a record that nobody else changes until the transaction ends, if it is as known.

    Raises:
        PageError: 412; whoever asks knows it otherwise.
    """
    found = _standing(kind, identity, await history_held(connection, kind, identity))
    request = visit.request
    if found is None:
        if request.if_match is not None:
            raise CHANGED
    else:
        tag = tag_of(found)
        check_match(request, tag)
        unwanted = request.if_none_match or ()
        if any(one.value in {"*", tag.strip('"')} for one in unwanted):
            raise CHANGED
    return found


def _standing(
    kind: str, identity: str, versions: Sequence[tuple[Noun | None, int]]
) -> RecordRow | None:
    record, decision = versions[-1] if versions else (None, 0)
    if record is None:
        return None
    return RecordRow(
        kind=kind,
        id=identity,
        version=len(versions),
        decision=decision,
        record=msgspec.to_builtins(record),
    )


async def _save(visit: Visit, connection: Connection, change: Change) -> None:
    now = await system_now(connection)
    await save_registry(connection, [change], visit.person.id, now=now)


def _kind(visit: Visit) -> str:
    kind = visit.parameter("kind")
    if kind not in KINDS:
        raise NOT_FOUND
    return kind


_OTHER_ID: Final = unfit("编号与地址中的不同", "its id is not the one of the address")
RECORDS: Final = (
    Operation(
        method="GET", path=_PATH, name="api.record", group="registry",
        zh="一条档案及其标识", en="A record with its tag",
        handler=get_record, needs=READERS, told=RecordRow, is_tagged=True,
    ),
    Operation(
        method="PUT", path=_PATH, name="api.record.put", group="registry",
        zh="登记或修改一条档案", en="Enter a record, or put another in its place",
        handler=put_record, needs=_WRITERS, body=tuple(KINDS.values()), told=RecordRow,
        other_status=HTTPStatus.CREATED, is_tagged=True, is_matched=True,
    ),
    Operation(
        method="DELETE", path=_PATH, name="api.record.remove", group="registry",
        zh="删除一条档案，历史保留", en="Remove a record; its versions stay",
        handler=delete_record, needs=_WRITERS, status=HTTPStatus.NO_CONTENT, is_matched=True,
    ),
)  # fmt: skip
