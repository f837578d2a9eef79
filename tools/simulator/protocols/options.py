"""What ``wattwarden simulate --protocol`` can be asked for."""

from dataclasses import dataclass
from typing import Annotated, Final

from cyclopts import Parameter

DEFAULT_METERS: Final = 10
DEFAULT_CYCLE_S: Final = 60.0
DEFAULT_MINUTES: Final = 10.0


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Kinds:
    """Meters of a protocol, without a city around them."""

    protocol: Annotated[
        str | None, Parameter(help="Meters of this codec, or all: instead of a scenario.")
    ] = None
    meters: Annotated[int, Parameter(help="How many, with --protocol.")] = DEFAULT_METERS
    cycle: Annotated[
        float, Parameter(help="Seconds between two reports, or two polls, of each.")
    ] = DEFAULT_CYCLE_S
    minutes: Annotated[float, Parameter(help="How long, with --protocol.")] = DEFAULT_MINUTES
    garbage: Annotated[
        float, Parameter(help="Connections that are no meters', in percent of those that are.")
    ] = 0.0
    lost: Annotated[
        float,
        Parameter(help="Reports that stay in meters which can be asked for them, in percent."),
    ] = 0.0


NO_KINDS: Final = Kinds()
