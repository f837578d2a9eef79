"""What ``wattwarden simulate`` can be asked for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Live:
    """A simulation that speaks to a meter port."""

    to: Annotated[str | None, Parameter(help="The meter port, HOST:PORT.")] = None
    speed: Annotated[
        float | None,
        Parameter(help="Simulated seconds in one; the clock rate of the data folder by default."),
    ] = None
    register: Annotated[
        bool,
        Parameter(help="Enter what is simulated: registry, meters, decisions.", show_default=False),
    ] = False


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Straight:
    """A simulation that writes the journal of an empty data folder."""

    direct: Annotated[
        bool,
        Parameter(help="Write the journal of the data folder; no port.", show_default=False),
    ] = False
    until: Annotated[
        str | None, Parameter(help='Stop there: "day 3 09:30", "2026-03-04 09:30", +90m.')
    ] = None
    resume: Annotated[
        bool, Parameter(help="Go on where the last one stopped.", show_default=False)
    ] = False
    hold: Annotated[
        bool,
        Parameter(help="Leave everything running after the stop.", show_default=False),
    ] = False


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Extent:
    """What of a scenario is simulated, and where the truth goes."""

    days: Annotated[float | None, Parameter(help="How long, instead of the scenario's.")] = None
    seed: Annotated[int | None, Parameter(help="Instead of the scenario's.")] = None
    truth: Annotated[
        Path | None,
        Parameter(help="Where to write the truth: what is wrong on purpose, or each row."),
    ] = None


NO_PORT: Final = Live()
NOT_STRAIGHT: Final = Straight()
AS_WRITTEN: Final = Extent()
