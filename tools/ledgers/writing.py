"""What the commands share that write into ledgers: what an entry is about, when it was."""

from dataclasses import dataclass
from typing import Annotated, Final

from cyclopts import Parameter

from wattwarden.alarms.decisions.body import Scope
from wattwarden.tools.errors import UsageError

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


NOTHING: Final = About()
