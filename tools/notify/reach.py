"""``wattwarden notify reach``: how a person is reached, and when."""

from dataclasses import dataclass
from typing import Annotated, Final

import msgspec
from cyclopts import Parameter

from wattwarden.alarms.routing.bodies import Reach
from wattwarden.alarms.routing.hours import Hours
from wattwarden.storage.outbox.load import load_reaches
from wattwarden.storage.registry.decisions import Entered
from wattwarden.tools.acting import ActorForm, Desk, enter
from wattwarden.tools.errors import UsageError

_NEVER: Final = "never"


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """Addresses, order and hours."""

    address: Annotated[
        tuple[str, ...],
        Parameter(help="KIND=ADDRESS, as wecom=zhangsan; KIND= takes it away; repeatable."),
    ] = ()
    way: Annotated[
        tuple[str, ...], Parameter(help="An endpoint, in the order in which to try; repeatable.")
    ] = ()
    duty: Annotated[
        tuple[str, ...], Parameter(help="On duty HH:MM-HH:MM[@12345], days 1 Monday; repeatable.")
    ] = ()
    quiet: Annotated[str | None, Parameter(help="Quiet HH:MM-HH:MM[@12345], or never.")] = None
    away_until: Annotated[
        str | None, Parameter(allow_leading_hyphen=True, help="Away until then; now: back.")
    ] = None


NOTHING: Final = Ways()


def reach(
    somebody: Annotated[str, Parameter(name="PERSON", help="Of whom, by id.")],
    /,
    *,
    by: ActorForm,
    form: Ways = NOTHING,
) -> None:
    """Say how somebody is reached; what is not given stays as it was said before."""

    async def work(desk: Desk) -> Entered:
        known = (await load_reaches(desk.connection)).get(somebody, Reach(id=somebody))
        body = msgspec.structs.replace(
            known,
            addresses={**known.addresses, **dict(map(_address, form.address))},
            chain=form.way or known.chain,
            duty=tuple(map(_hours, form.duty)) or known.duty,
            quiet=known.quiet if form.quiet is None else _quiet(form.quiet),
            away_until=desk.moment_or_none(form.away_until) or known.away_until,
        )
        return await desk.act(body)

    enter(by, "notify reach", work)


def _address(text: str) -> tuple[str, str]:
    kind, sign, address = text.partition("=")
    if not sign or not kind:
        message = f"an address is KIND=ADDRESS, got {text!r}"
        raise UsageError(message, "--address wecom=zhangsan")
    return kind, address


def _quiet(text: str) -> Hours:
    return Hours(since="00:00", until="00:00") if text == _NEVER else _hours(text)


def _hours(text: str) -> Hours:
    span, _, days = text.partition("@")
    since, _, until = span.partition("-")
    fields = {"from": since, "to": until} | ({"days": _days(days)} if days else {})
    try:
        return msgspec.convert(fields, Hours)
    except msgspec.ValidationError as error:
        message = f"hours are HH:MM-HH:MM[@12345], got {text!r}"
        raise UsageError(message, "--duty 08:00-20:00@12345") from error


def _days(text: str) -> list[int]:
    return [int(sign) for sign in text if sign.isascii() and sign.isdecimal()]
