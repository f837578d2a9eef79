"""What the commands share that write into ledgers: what an entry is about, when it was."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from cyclopts import Parameter

from wattwarden.alarms.decisions.body import Body, Scope
from wattwarden.tools.acting import AsPerson, acting_as, show_entered
from wattwarden.tools.errors import UsageError
from wattwarden.tools.options import AsJson, System
from wattwarden.tools.running import run, settings_of
from wattwarden.tools.times import parse_time

Moment = Annotated[
    str,
    Parameter(
        allow_leading_hyphen=True,
        help='RFC 3339, "2026-11-22 03:00" (Asia/Shanghai), a date, now, or -2h.',
    ),
]
MaybeMoment = Annotated[
    str | None,
    Parameter(
        allow_leading_hyphen=True,
        help='RFC 3339, "2026-11-22 03:00" (Asia/Shanghai), a date, now, or -2h.',
    ),
]


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class About:
    """What an entry is about: exactly one of these."""

    enterprise: Annotated[str | None, Parameter(help="The whole enterprise, by its id.")] = None
    line: Annotated[str | None, Parameter(help="A line, by its id.")] = None
    unit: Annotated[str | None, Parameter(help="A unit, by its id.")] = None

    def subject(self) -> tuple[Scope, str]:
        """Return what was named.

        Raises:
            UsageError: None of them was given, or several.
        """
        given = [
            (scope, named)
            for scope, named in (
                (Scope.ENTERPRISE, self.enterprise),
                (Scope.LINE, self.line),
                (Scope.UNIT, self.unit),
            )
            if named is not None
        ]
        if len(given) != 1:
            message = f"one of --enterprise, --line and --unit is wanted, got {len(given)}"
            raise UsageError(message)
        return given[0]


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Who:
    """Who enters, and for whom the answer is."""

    person: AsPerson
    json: AsJson = False


NOTHING: Final = About()


def at_or_none(text: str | None, now: datetime) -> datetime | None:
    """Read a time that may be left out."""
    return None if text is None else parse_time(text, now)


def write_down(system: System, who: Who, command: str, body_of: Callable[[datetime], Body]) -> None:
    """Decide a body that is made when the system's time is known, and say what was kept.

    Raises:
        CommandError: The person may not, or something stands against it.
    """
    settings = settings_of(system)

    async def work() -> None:
        async with acting_as(settings, who.person, command) as desk:
            show_entered(await desk.act(body_of(desk.now)), json=who.json)

    run(work())
