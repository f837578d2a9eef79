"""``wattwarden simulate``: a believable city, to a meter port or straight into a journal."""

from importlib.resources import files
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import UsageError
from wattwarden.tools.main import INTERRUPTED
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.render import show_table
from wattwarden.tools.running import settings_of
from wattwarden.tools.simulator.live import simulate_live
from wattwarden.tools.simulator.options import (
    AS_WRITTEN,
    NO_PORT,
    NOT_STRAIGHT,
    Extent,
    Live,
    Straight,
)
from wattwarden.tools.simulator.scenario import Scenario, load_scenario
from wattwarden.tools.simulator.straight import simulate_straight


def simulate(
    scenario: Annotated[
        str, Parameter(name="SCENARIO", help="A file, or the name of one of ours.")
    ],
    *,
    live: Live = NO_PORT,
    straight: Straight = NOT_STRAIGHT,
    extent: Extent = AS_WRITTEN,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> int:
    """Simulate a city or a factory: its machines, its meters, and what is wrong on purpose.

    With --to, meters dial in, log in, report, keep what is not acknowledged and send it again; the
    scenario begins now, on today's date.  With --direct, the same frames go straight into the
    journal of an empty data folder, with the scenario's own times, as fast as it can be done.

    Ctrl-C ends it, and prints what was done up to then.  docs/scenarios.md explains scenario files;
    names of our own: factory, city, judge, blackout, silent, demo.
    """
    if (live.to is None) != straight.direct:
        raise UsageError("say either --to HOST:PORT or --direct")
    chosen = find_scenario(scenario)
    if extent.days is not None and not extent.days > 0:
        raise UsageError("--days is above 0")
    settings = settings_of(system)
    if straight.direct:
        summary = simulate_straight(chosen, extent, straight, settings)
    else:
        summary = simulate_live(chosen, extent, live, settings)
    if json:
        print(as_json(summary))
    else:
        show_table(("", ""), list(summary.items()))
    if summary["interrupted"]:
        return INTERRUPTED
    return 1 if summary.get("unacked") else 0


def find_scenario(name: str) -> Scenario:
    """Load a scenario file, or the shipped one of that name.

    Raises:
        UsageError: there is none, or something in it is wrong.
    """
    path = Path(name)
    shipped = files("wattwarden.tools.simulator") / "scenarios"
    if not path.is_file() and path.suffix == "" and "/" not in name:
        ours = sorted(one.name.removesuffix(".toml") for one in shipped.iterdir())
        if name not in ours:
            message = f"there is no file and no scenario {name!r}"
            raise UsageError(message, f"scenarios of our own: {', '.join(ours)}")
        path = Path(str(shipped / f"{name}.toml"))
    return load_scenario(path)
