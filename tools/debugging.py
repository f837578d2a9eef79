"""``wattwarden meters debug``: the gateways' log of one meter, for a while."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from cyclopts import Parameter

from wattwarden.storage.debugged import LONGEST, Debugged, debug_meter, load_debugged
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import UsageError
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.people import HERE
from wattwarden.tools.render import show_table
from wattwarden.tools.running import (
    database,
    meter_name,
    meter_of,
    operator_name,
    run,
    settings_of,
)
from wattwarden.tools.times import local, rfc3339

USUAL_MINUTES: Final = 30.0

_MINUTE_S: Final = 60.0


def debug(
    meter: Annotated[
        str | None,
        Parameter(name="METER", help="codec:address, or the address alone; none: show all."),
    ] = None,
    /,
    *,
    minutes: Annotated[float, Parameter(help="For so long; it ends by itself.")] = USUAL_MINUTES,
    off: Annotated[bool, Parameter(show_default=False, help="End it now.")] = False,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Have gateways log all that a meter says and is told, for a while; others are left alone.

    Each line of the log has the event "meter debug" and the meter: frames by kind and size, bytes
    that are no frame, answers and how long they took, connections that open and close. It begins
    within a second, holds for gateways that are started meanwhile, and is kept among what was done
    about the system, with who did it. Gateways remember it as well: wattwarden trace METER --last
    20 shows whole frames.
    """
    if off and meter is None:
        raise UsageError("--off needs a meter", "without one, all that are debugged are shown")
    settings = settings_of(system)
    most = LONGEST.total_seconds() / _MINUTE_S
    if not 0 < minutes <= most:
        message = f"--minutes is {minutes:g}, allowed are up to {most:g}"
        raise UsageError(message, "say it again when it has ended")

    async def work() -> list[Debugged]:
        async with database(settings, "meters debug") as connection:
            if meter is not None:
                found = await meter_of(connection, meter_name(meter))
                now = datetime.now(UTC)
                until = now if off else now + timedelta(minutes=minutes)
                actor = operator_name()
                await debug_meter(connection, found.name, until, actor=actor, address=HERE)
            return await load_debugged(connection)

    found = run(work())
    if json:
        for one in found:
            print(as_json(_row(one)))
        return
    show_table(
        ("meter", "until", "by"), [(one.meter, local(one.until), one.actor) for one in found]
    )
    if not found:
        print("no meter is debugged")


def _row(one: Debugged) -> dict[str, Any]:
    return {"meter": one.meter, "until": rfc3339(one.until), "by": one.actor}
