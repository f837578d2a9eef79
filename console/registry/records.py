"""Records: listed by kind, shown with their history, entered, put in another's place, removed."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from aiohttp import web

from wattwarden.alarms.acting.rights import RIGHTS
from wattwarden.alarms.registry.changes import Change
from wattwarden.alarms.registry.nouns import KINDS, Noun
from wattwarden.alarms.registry.problems import Problem, RefusedError
from wattwarden.console.doors import NOT_FOUND, told
from wattwarden.console.registry.fields import inputs, record_of, values_of, with_decided
from wattwarden.console.registry.names import KIND_NAMES
from wattwarden.console.visit import Visit
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.book import PAGE, count_kinds, find_records
from wattwarden.storage.registry.registry import history, history_held, save_registry
from wattwarden.storage.system_time import system_now

SEARCH_LETTERS: Final = 60
# How many versions there were as the form was shown; no field of a record is called so.
SEEN_FIELD: Final = "seen_versions"


async def show(visit: Visit) -> web.StreamResponse:
    """List the records of a kind."""
    asked = visit.asked("kind")
    kind = asked if asked in KINDS else "enterprise"
    said = visit.asked("q")[:SEARCH_LETTERS]
    async with visit.reading() as (connection, _reader):
        counts = await count_kinds(connection)
        found = await find_records(connection, kind, said, visit.asked("after"))
    shown = {
        "kind": kind,
        "names": KIND_NAMES,
        "counts": counts,
        "records": found[:PAGE],
        "after": found[PAGE - 1].id if len(found) > PAGE else None,
        "said": said,
        "able": _able(visit),
    }
    return visit.page("registry/list.html", shown)


async def show_one(visit: Visit) -> web.StreamResponse:
    """Show a record with every version of it, and its form to who may change it."""
    return await _page(visit, {}, [])


async def ask_new(visit: Visit) -> web.StreamResponse:
    """Ask for a new record of a kind."""
    return _form(visit, _kind(visit), {}, [])


async def enter(visit: Visit) -> web.StreamResponse:
    """Enter a record that is not there yet."""
    kind = _kind(visit)
    form = _texts(visit)
    record = record_of(kind, form)
    if not isinstance(record, Noun):
        return _form(visit, kind, form, [(record.zh, record.en)])
    try:
        async with visit.reading() as (connection, _reader), connection.transaction():
            await _check_free(connection, kind, record.id)
            await _save(visit, connection, Change(kind, record.id, record))
    except RefusedError as error:
        return _form(visit, kind, form, [(one.zh, one.en) for one in error.problems])
    return visit.go(visit.url("record", kind=kind, record=record.id))


async def change(visit: Visit) -> web.StreamResponse:
    """Put a record in the place of the one with its id."""
    kind, identity = _kind(visit), visit.parameter("record")
    form = {**_texts(visit), "id": identity}
    record = record_of(kind, form)
    if not isinstance(record, Noun):
        return await _page(visit, form, [(record.zh, record.en)])
    try:
        async with visit.reading() as (connection, _reader), connection.transaction():
            before = await _as_seen(visit, connection)
            wanted = with_decided(kind, record, before)
            if before != wanted:
                await _save(visit, connection, Change(kind, identity, wanted))
    except RefusedError as error:
        return await _page(visit, form, [(one.zh, one.en) for one in error.problems])
    return visit.go(visit.url("record", kind=kind, record=identity))


async def remove(visit: Visit) -> web.StreamResponse:
    """Remove a record; its history stays."""
    kind, identity = _kind(visit), visit.parameter("record")
    try:
        async with visit.reading() as (connection, _reader), connection.transaction():
            await _as_seen(visit, connection)
            await _save(visit, connection, Change(kind, identity, None))
    except RefusedError as error:
        return await _page(visit, {}, [(one.zh, one.en) for one in error.problems])
    return visit.go(f"{visit.url('registry')}?kind={kind}")


async def _check_free(connection: Connection, kind: str, identity: str) -> None:
    """Refuse an id that a record has, and let nobody else take it until the transaction ends.

    Raises:
        RefusedError: There is a record of this id.
    """
    versions = await history_held(connection, kind, identity)
    if versions and versions[-1][0] is not None:
        zh, en = f"编号 {identity} 已被使用。", f"The id {identity} is taken."
        raise RefusedError([Problem(kind, identity, "id", zh, en)])


async def _as_seen(visit: Visit, connection: Connection) -> Noun:
    """Return the record of the path, which nobody else changes until the transaction ends.

    Raises:
        PageError: There is none.
        RefusedError: Somebody saved another version since the form was shown.
    """
    kind, identity = _kind(visit), visit.parameter("record")
    versions = await history_held(connection, kind, identity)
    record = versions[-1][0] if versions else None
    if record is None:
        raise NOT_FOUND
    if visit.field(SEEN_FIELD) != str(len(versions)):
        zh = "这条记录在您打开之后已被他人改动，没有保存。请对照历史版本，再保存则以您填写的为准。"
        en = "Somebody changed this record since you opened it; nothing was saved. Compare the"
        en += " versions: if you save again, it will be as you have it."
        raise RefusedError([Problem(kind, identity, "", zh, en)])
    return record


async def _save(visit: Visit, connection: Connection, change: Change) -> None:
    now = await system_now(connection)
    await save_registry(connection, [change], visit.person.id, now=now)


async def _page(
    visit: Visit, form: Mapping[str, str], refused: list[tuple[str, str]]
) -> web.Response:
    kind, identity = _kind(visit), visit.parameter("record")
    async with visit.reading() as (connection, _reader):
        versions = await history(connection, kind, identity)
    if not versions:
        raise NOT_FOUND
    record = versions[-1][0]
    shown = {
        "kind": kind,
        "names": KIND_NAMES,
        "identity": identity,
        "record": record,
        "seen_field": SEEN_FIELD,
        "inputs": [] if record is None else inputs(kind, record, form),
        "versions": [
            (number, decision, [] if one is None else values_of(one))
            for number, (one, decision) in reversed(list(enumerate(versions, 1)))
        ],
        "refused": told(refused),
        "able": _able(visit),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return visit.page("registry/record.html", shown, status)


def _form(
    visit: Visit, kind: str, form: Mapping[str, str], refused: list[tuple[str, str]]
) -> web.Response:
    shown = {
        "kind": kind,
        "names": KIND_NAMES,
        "inputs": inputs(kind, None, form),
        "refused": told(refused),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return visit.page("registry/new.html", shown, status)


def _kind(visit: Visit) -> str:
    """Return the kind that the path names.

    Raises:
        PageError: There is none of that name.
    """
    kind = visit.parameter("kind")
    if kind not in KINDS:
        raise NOT_FOUND
    return kind


def _texts(visit: Visit) -> dict[str, str]:
    return {name: value for name, value in visit.form.items() if isinstance(value, str)}


def _able(visit: Visit) -> bool:
    return visit.person.role in RIGHTS["registry"]
