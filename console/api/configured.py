"""How meters are configured, for whoever runs the system: told, put in another's place, registered.

GET ─► tag ─► PUT, If-Match: tag ─► a new version ─► gateways and writers within a second
                                        └► frames in quarantine are read with it

A key is named, never sent: it is a file of the secrets folder, and no answer holds more of it than
the name.
"""

from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from aiohttp import web

from wattwarden.alarms.acting.roles import CITY_WIDE
from wattwarden.alarms.registry.nouns import Role
from wattwarden.codecs import load_codecs
from wattwarden.console.api.asked import Shown, asked_for, unfit
from wattwarden.console.api.operation import Operation
from wattwarden.console.api.resource import json_of, tag_of, tagged
from wattwarden.console.api.rows import Row
from wattwarden.console.api.sent import check_match, read, sent_json
from wattwarden.console.doors import NOT_FOUND, PageError
from wattwarden.console.routes import Only
from wattwarden.console.visit import Visit
from wattwarden.protocol.codec import ClockPolicy
from wattwarden.storage.errors import StorageError
from wattwarden.storage.meter_secrets import read_key
from wattwarden.storage.meters import (
    Meter,
    MeterState,
    add_meter,
    hold_meter,
    load_meter,
    set_profile,
)
from wattwarden.storage.people.log import Deed, note_event
from wattwarden.storage.profiles import (
    AccessBody,
    ProfileBody,
    RecallPolicy,
    check_body,
    read_access,
)
from wattwarden.storage.quarantine import Selection
from wattwarden.storage.rows.decoding import MAX_ADDRESS_LETTERS

_PATH: Final = "/meters/{meter}/configuration"
# Options by which terminals and meters are written to; only who sets them reads them.
PASSWORDS: Final = frozenset({"password", "password_645"})
HIDDEN: Final = "…"


class ConfigurationRow(Row, frozen=True):
    """How a meter is configured; `version` is 0 where nobody has.

    `key` is the name of a file in the secrets folder, as is `access.password`. `problem` says why
    it cannot be used so.
    """

    meter: int
    codec: str
    address: str
    state: MeterState
    version: int
    zone: str | None
    cycle_s: int | None
    listener: str | None
    clock: ClockPolicy | None
    recall: RecallPolicy | None
    key: str | None
    access: AccessBody | None
    options: dict[str, Any]
    problem: str | None


class Registering(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A meter that is known before it calls: its codec, its address, how it is configured."""

    codec: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    address: Annotated[
        str,
        msgspec.Meta(
            min_length=1, max_length=MAX_ADDRESS_LETTERS, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$"
        ),
    ]
    configuration: ProfileBody = ProfileBody()


async def show(visit: Visit) -> web.StreamResponse:
    """Tell how a meter is configured, with its tag."""
    asked_for(Shown, visit)
    async with visit.reading() as (connection, _reader):
        meter = await load_meter(connection, int(visit.parameter("meter")))
    if meter is None:
        raise NOT_FOUND
    return tagged(visit.request, _row(visit, meter))


async def configure(visit: Visit) -> web.StreamResponse:
    """Configure a meter, the whole of it, and read what waits of it with that."""
    asked_for(Shown, visit)
    body = _checked(visit, read(await sent_json(visit), ProfileBody))
    number = int(visit.parameter("meter"))
    async with visit.reading() as (connection, reader):
        async with connection.transaction():
            before = await hold_meter(connection, number)
            if before is None:
                raise NOT_FOUND
            check_match(visit.request, tag_of(_row(visit, before)))
            actor = visit.person.id
            version = await set_profile(connection, number, body, actor=actor, now=reader.now)
            if version != before.version:
                what = f"configured {before.name}, version {version}"
                await note_event(connection, actor, actor, Deed.METER, visit.address, what)
        await visit.parts.gateways.retry(connection, Selection(meter=before.address))
        after = await load_meter(connection, number)
    if after is None:
        raise NOT_FOUND
    return tagged(visit.request, _row(visit, after))


async def register(visit: Visit) -> web.StreamResponse:
    """Register a meter; it is accepted at once, and what waits of it is read."""
    asked_for(Shown, visit)
    wanted = read(await sent_json(visit), Registering)
    codecs = load_codecs()
    if wanted.codec not in codecs:
        zh = f"没有规约 {wanted.codec}，可用：{'、'.join(codecs)}"
        en = f"there is no codec {wanted.codec}, but {', '.join(codecs)}"
        raise unfit(zh, en)
    body = _checked(visit, wanted.configuration)
    actor = visit.person.id
    async with visit.reading() as (connection, reader):
        async with connection.transaction():
            try:
                made = await add_meter(
                    connection,
                    wanted.codec,
                    wanted.address,
                    profile=None if body == ProfileBody() else body,
                    actor=actor,
                    now=reader.now,
                )
            except ValueError as error:
                raise unfit("地址不可用", str(error)) from error
            except StorageError as error:
                if error.retryable:
                    raise
                raise _KNOWN from error
            what = f"registered {made.name}"
            await note_event(connection, actor, actor, Deed.METER, visit.address, what)
        await visit.parts.gateways.retry(connection, Selection(meter=made.address))
    return json_of(_row(visit, made), HTTPStatus.CREATED)


def _checked(visit: Visit, body: ProfileBody) -> ProfileBody:
    """Return a configuration that can be used.

    Raises:
        PageError: 422; it cannot, or its key is not there.
    """
    try:
        check_body(body)
    except ValueError as error:
        zh, en = f"配置不可用：{error}", str(error)
        raise unfit(zh, en) from error
    problem = _problem(visit, body)
    if problem is not None:
        zh = f"密钥文件不可用：{problem}"
        raise unfit(zh, problem)
    return body


def _problem(visit: Visit, body: ProfileBody) -> str | None:
    """Return why a secret of a configuration cannot be used; where the folder is stays untold."""
    folder = visit.parts.secrets
    problem = ""
    try:
        if body.key is not None:
            read_key(folder, body.key)
    except ValueError as error:
        problem = str(error)
    problem = problem or read_access(body.access, folder)[1]
    return problem.replace(f"{folder}/", "") or None


def _is_administrator(visit: Visit) -> bool:
    return visit.person.role is Role.ADMINISTRATOR


def _row(visit: Visit, meter: Meter) -> ConfigurationRow:
    profile = meter.profile
    return ConfigurationRow(
        meter=meter.id,
        codec=meter.codec,
        address=meter.address,
        state=meter.state,
        version=meter.version,
        zone=profile.zone,
        cycle_s=profile.cycle_s,
        listener=profile.listener,
        clock=profile.clock,
        recall=profile.recall,
        key=profile.key,
        access=profile.access,
        options={
            name: HIDDEN if name in PASSWORDS and not _is_administrator(visit) else value
            for name, value in profile.options.items()
        },
        problem=_problem(visit, profile),
    )


_KNOWN: Final = PageError(
    HTTPStatus.CONFLICT,
    "known meter",
    "此表已登记；请修改其配置。",
    "This meter is registered already; configure it.",
)
_ADMINISTRATORS: Final = Only(frozenset({Role.ADMINISTRATOR}))
CONFIGURATION: Final = (
    Operation(
        method="POST", path="/meters", name="api.meter.register", group="meters",
        zh="登记电表", en="Register a meter before it calls",
        handler=register, needs=_ADMINISTRATORS, body=Registering, told=ConfigurationRow,
        status=HTTPStatus.CREATED,
    ),
    Operation(
        method="GET", path=_PATH, name="api.meter.configuration", group="meters",
        zh="电表的配置：规约、时区、周期、接入配置、密钥文件名", en="How a meter is configured",
        handler=show, needs=Only(CITY_WIDE), told=ConfigurationRow, is_tagged=True,
    ),
    Operation(
        method="PUT", path=_PATH, name="api.meter.configure", group="meters",
        zh="修改电表的配置（整份）", en="Configure a meter, the whole of it",
        handler=configure, needs=_ADMINISTRATORS, body=ProfileBody, told=ConfigurationRow,
        is_tagged=True, is_matched=True,
    ),
)  # fmt: skip
