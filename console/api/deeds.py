"""What programs do: a body is decided as whoever sends it, by the way of every command and page.

POST /api/v1/decisions/KIND  {body}  ─► theirs? ─► admitted? ─► 201 {what was kept}
     Idempotency-Key: …               └ 404       └ 409, and nothing is kept
"""

import hashlib
import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from aiohttp import web

from wattwarden.alarms.acting.rights import COMMAND_RIGHTS, RIGHTS
from wattwarden.alarms.acting.roles import Roles
from wattwarden.alarms.cases.bodies import Evidence
from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.decisions.kinds import BODIES
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.console.api.alarms import ALARMS
from wattwarden.console.api.asked import MAX_TEXT_LETTERS, Shown, Text, asked_for, unfit
from wattwarden.console.api.matters import MATTERS
from wattwarden.console.api.meters import meter_of
from wattwarden.console.api.registry import REGISTRY
from wattwarden.console.api.resource import ROOT, Resource, tag_of
from wattwarden.console.api.rows import Row, entered_row
from wattwarden.console.api.sent import (
    BODY_BYTES,
    CHANGED,
    JSON,
    check_match,
    read,
    sent_file,
    sent_json,
)
from wattwarden.console.api.things import THINGS
from wattwarden.console.doors import PageError
from wattwarden.console.routes import Only, Right, Route
from wattwarden.console.visit import Visit
from wattwarden.protocol.command import CannotAskError, Command
from wattwarden.storage.api_answers import KeyTakenError, Sent, answered, keep_answer
from wattwarden.storage.cases.evidence import MAX_FILE_BYTES, Arrived
from wattwarden.storage.cases.together import keep_evidence
from wattwarden.storage.commands.entering import Wish, check_wish, enter_as
from wattwarden.storage.database import Connection, errors
from wattwarden.storage.errors import StorageError
from wattwarden.storage.registry.decisions import Entered
from wattwarden.storage.registry.holding import hold_for
from wattwarden.storage.registry.owners import owner_of
from wattwarden.storage.responses.activate import enact
from wattwarden.storage.system_time import system_now

KEY: Final = "Idempotency-Key"
# By its size and its network's slowness in the field.
FILE_S: Final = 120.0
# A file brings bytes along; its body is made here.
DECIDED: Final[dict[str, type[Body]]] = {
    kind: body for kind, body in BODIES.items() if kind != Evidence.kind_name
}
_KEY_FORM: Final = re.compile(r"[\x21-\x7e]{1,255}")
# Kinds whose rights are named otherwise than they are, or than they begin.
_NAMED: Final[dict[str, tuple[str, ...]]] = {
    "carbon": ("consumable",),
    "replacement": ("replacement", "consumable_check"),
    "finding_link": ("finding.link",),
    "assistance_step": ("assistance", "assistance.serve"),
}

# Of what a decision may be about, what has a tag.
_TAGGED: Final[dict[str, Resource[Any, Any]]] = {
    one.one: one for one in (*ALARMS, *THINGS, *MATTERS, *REGISTRY) if one.find is not None
}

Deed = Callable[[Connection], Awaitable[Entered]]


class Deciding(Shown):
    """What may be asked of a decision."""

    enterprise: Text | None = None
    """Whom it concerns, where its body refers to nothing that tells."""


class Sending(Shown):
    """What is said of a file that is sent."""

    about: Text
    subject: Text
    name: Text
    note: Text | None = None


class Wished(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is wanted of a meter, and for how long it may wait for the meter to be there."""

    command: Command
    channel: Annotated[str, msgspec.Meta(max_length=8)] = ""
    waits_s: Annotated[int, msgspec.Meta(ge=1, le=7 * 86_400)] = 3600


class WishedRow(Row, frozen=True):
    """The number of a command that was queued: its state is at `/api/v1/commands/{id}`."""

    id: int


def who_may(kind: str) -> Roles:
    """Return the roles of which some may decide a body of a kind, whatever it says."""
    stem = kind.removesuffix("_step")
    named = _NAMED.get(kind) or tuple(
        right for right in RIGHTS if right == kind or right.startswith(f"{stem}.")
    )
    return frozenset(role for right in named for role in RIGHTS[right])


def deciding(kind: str, model: type[Body]) -> Callable[[Visit], Awaitable[web.StreamResponse]]:
    """Return the handler that decides bodies of a kind."""

    async def decided(visit: Visit) -> web.StreamResponse:
        asked = asked_for(Deciding, visit)
        raw = await sent_json(visit)
        body = read(raw, model)

        async def deed(connection: Connection) -> Entered:
            owner = await _check_theirs(connection, visit, body, asked.enterprise)
            now = await system_now(connection)
            if visit.request.if_match is None:
                return await _enacted(connection, visit, body, asked.enterprise, now)
            with errors("deciding about what is known"):
                async with connection.transaction():
                    # Held first: what is known must still be so when it is decided.
                    await hold_for(connection, owner)
                    await _check_known(connection, visit, body)
                    return await _enacted(connection, visit, body, asked.enterprise, now)

        return await _once(visit, raw, deed)

    decided.__name__ = f"decide_{kind}"
    return decided


async def send_file(visit: Visit) -> web.StreamResponse:
    """Keep a file, which is the body as it stands."""
    asked = asked_for(Sending, visit)
    data = await sent_file(visit, FILE_S)
    arrived = Arrived(data, asked.name, asked.about, asked.subject, asked.note or "")

    async def deed(connection: Connection) -> Entered:
        now = await system_now(connection)
        try:
            return await keep_evidence(connection, arrived, visit.person.id, now)
        except RefusedError:
            # What it is about may be another's: then it is as if it were not there.
            reference = Evidence(
                id="new", about=asked.about, subject=asked.subject, sha256="0" * 64, size=1,
                media="image/png", name=asked.name, received_at=now,
            )  # fmt: skip
            await _check_theirs(connection, visit, reference, None)
            raise

    return await _once(visit, data, deed)


async def ask_meter(visit: Visit) -> web.StreamResponse:
    """Queue a command for a meter; the same one, still waiting, keeps its number."""
    asked_for(Shown, visit)
    wished = read(await sent_json(visit), Wished)
    async with visit.reading() as (connection, reader):
        meter = await meter_of(connection, reader, visit.parameter("meter"))
        expires_at = reader.now + timedelta(seconds=wished.waits_s)
        wish = Wish(meter, wished.command, expires_at, wished.channel)
        try:
            await check_wish(connection, wish, visit.parts.secrets, reader.now)
            number = await enter_as(connection, wish, visit.person.id, reader.now)
        except CannotAskError as error:
            raise unfit(*error.whole) from error
        except StorageError as error:
            if error.retryable:
                raise
            raise unfit(error.message, error.message) from error
    return _kept(msgspec.json.encode(WishedRow(id=number)))


async def _enacted(
    connection: Connection, visit: Visit, body: Body, enterprise: str | None, now: datetime
) -> Entered:
    return await enact(connection, body, visit.person.id, now, enterprise=enterprise)


async def _check_known(connection: Connection, visit: Visit, body: Body) -> None:
    """Refuse what is about a thing that is otherwise than whoever decides knows it.

    Raises:
        PageError: 412; it has another tag by now, or is nothing that has one.
    """
    named = next((one for one in body.references() if one.kind in _TAGGED), None)
    find = None if named is None else _TAGGED[named.kind].find
    if named is None or find is None:
        raise CHANGED
    found = await find(connection, visit.reader, named.id)
    if found is None:
        raise _NO_THING
    check_match(visit.request, tag_of(found))


async def _once(visit: Visit, raw: bytes, deed: Deed) -> web.Response:
    """Do a deed, once for each key, and tell what was kept."""
    sent = _key(visit, raw)
    async with visit.parts.store.connection() as connection:
        if sent is None:
            return _kept(_told(await deed(connection)))
        with errors("deciding once"):
            async with connection.transaction():
                try:
                    before = await answered(connection, sent)
                except KeyTakenError as error:
                    raise _TAKEN from error
                if before is not None:
                    return _kept(msgspec.json.encode(before), again="true")
                answer = _told(await deed(connection))
                await keep_answer(connection, sent, answer)
    return _kept(answer)


def _key(visit: Visit, raw: bytes) -> Sent | None:
    """Return under which key something was sent; None without one.

    Raises:
        PageError: 422; it is none.
    """
    key = visit.request.headers.get(KEY)
    if key is None:
        return None
    if _KEY_FORM.fullmatch(key) is None:
        zh, en = f"{KEY}须为1至255个可见ASCII字符", f"{KEY} has 1 to 255 visible ASCII letters"
        raise unfit(zh, en)
    asked = hashlib.sha256()
    for part in (visit.request.path_qs.encode(), raw):
        asked.update(hashlib.sha256(part).digest())
    return Sent(visit.person.id, key, asked.digest())


async def _check_theirs(
    connection: Connection, visit: Visit, body: Body, enterprise: str | None
) -> str | None:
    """Return whom a body concerns; refuse what concerns others, as if it were not there.

    Raises:
        PageError: 404; it does, or refers to what is not there.
    """
    if any(len(one.id) > MAX_TEXT_LETTERS or "\x00" in one.id for one in body.references()):
        raise _NO_THING
    try:
        owner = await owner_of(connection, body, enterprise)
    except RefusedError as error:
        raise _NO_THING from error
    if owner is not None and not visit.reader.sees(owner):
        raise _NO_THING
    return owner


def _told(entered: Entered) -> bytes:
    return msgspec.json.encode(entered_row(entered))


def _kept(answer: bytes, again: str = "") -> web.Response:
    headers = {"Idempotency-Replayed": again} if again else {}
    return web.Response(body=answer, status=HTTPStatus.CREATED, content_type=JSON, headers=headers)


DEEDS: Final[tuple[Route, ...]] = (
    *(
        Route(
            "POST",
            f"{ROOT}/decisions/{kind}",
            deciding(kind, model),
            Only(who_may(kind)),
            f"api.decide.{kind}",
            BODY_BYTES,
        )
        for kind, model in DECIDED.items()
    ),
    Route(
        "POST",
        f"{ROOT}/meters/{{meter}}/commands",
        ask_meter,
        Only(frozenset(role for roles in COMMAND_RIGHTS.values() for role in roles)),
        "api.command.ask",
        BODY_BYTES,
    ),
    Route(
        "POST",
        f"{ROOT}/evidence",
        send_file,
        Right(Evidence.kind_name),
        "api.evidence.send",
        MAX_FILE_BYTES + 1,
    ),
)
_NO_THING: Final = PageError(
    HTTPStatus.NOT_FOUND, "no such thing", "所指对象不存在", "what it refers to is not there"
)
_TAKEN: Final = unfit(f"同一{KEY}已用于另一请求", f"something else was asked under this {KEY}")
