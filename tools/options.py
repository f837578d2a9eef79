"""The options that several commands share, with their help."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from wattwarden.tools.errors import UsageError
from wattwarden.tools.times import parse_time

AsJson = Annotated[
    bool, Parameter(name="--json", show_default=False, help="JSON lines for machines.")
]
CodecName = Annotated[
    str | None, Parameter(name="--codec", help="Take all bytes for this codec's; ask no other.")
]
Keys = Annotated[
    tuple[str, ...],
    Parameter(name="--key", show_default=False, help="A meter's key, MN=HEX; repeatable."),
]


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class System:
    """Which running system is meant."""

    data: Annotated[Path | None, Parameter(help="Data folder of the running system.")] = None
    dsn: Annotated[str | None, Parameter(help="PostgreSQL to use instead of its own.")] = None
    nats: Annotated[str | None, Parameter(help="NATS server to use instead of its own.")] = None


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, as given."""

    since: Annotated[
        str | None,
        Parameter(
            allow_leading_hyphen=True,
            help='From here on: RFC 3339, "2026-11-22 03:00" (Asia/Shanghai), a date, or -2h.',
        ),
    ] = None
    until: Annotated[
        str | None, Parameter(allow_leading_hyphen=True, help="Before this time; as --since.")
    ] = None

    def bounds(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        """Read both ends.

        Raises:
            UsageError: one of them is no time, or there is nothing between them.
        """
        since = None if self.since is None else parse_time(self.since, now)
        until = None if self.until is None else parse_time(self.until, now)
        if since is not None and until is not None and since >= until:
            message = f"--since {self.since} is not before --until {self.until}"
            raise UsageError(message, "give them the other way round")
        return since, until


# What a command means when none of these options is given.
THE_USUAL_SYSTEM: Final = System()
ALL_TIMES: Final = Span()
