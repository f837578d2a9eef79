"""``wattwarden notify reach``: how a person is reached, and when."""

from dataclasses import dataclass
from typing import Annotated, Final

import msgspec
from cyclopts import Parameter

from wattwarden.alarms.routing.bodies import Reach
from wattwarden.alarms.routing.hours import Hours
from wattwarden.storage.outbox.load import load_reaches
from wattwarden.storage.registry.decisions import Entered
from wattwarden.tools.acting import AsPerson, acting_as, show_entered
from wattwarden.tools.errors import UsageError
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.running import run, settings_of
from wattwarden.tools.times import parse_time

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
    person: AsPerson,
    form: Ways = NOTHING,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Say how somebody is reached; what is not given stays as it was said before."""
    settings = settings_of(system)

    async def work() -> Entered:
        async with acting_as(settings, person, "notify reach") as desk:
            known = (await load_reaches(desk.connection)).get(somebody, Reach(id=somebody))
            return await desk.act(
                msgspec.structs.replace(
                    known,
                    addresses={**known.addresses, **dict(map(_address, form.address))},
                    chain=form.way or known.chain,
                    duty=tuple(map(_hours, form.duty)) or known.duty,
                    quiet=known.quiet if form.quiet is None else _quiet(form.quiet),
                    away_until=(
                        known.away_until
                        if form.away_until is None
                        else parse_time(form.away_until, desk.now)
                    ),
                )
            )

    show_entered(run(work()), json=json)


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
