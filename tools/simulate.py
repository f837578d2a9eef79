"""``wattwarden simulate``: a believable city, to a meter port or straight into a journal.

SCENARIO     a city with machines, and what is wrong on purpose
--protocol   meters of a protocol, with every row that their frames have to become
"""

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from wattwarden.server.settings import Settings
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
from wattwarden.tools.simulator.protocols.options import NO_KINDS, Kinds
from wattwarden.tools.simulator.protocols.run import simulate_protocol
from wattwarden.tools.simulator.scenario import Scenario, load_scenario
from wattwarden.tools.simulator.straight import simulate_straight


def simulate(
    scenario: Annotated[
        str | None, Parameter(name="SCENARIO", help="A file, or the name of one of ours.")
    ] = None,
    *,
    kinds: Kinds = NO_KINDS,
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

    With --protocol and no scenario, --meters of that codec, or of all, dial in or answer when they
    are asked, for --minutes; --truth gets every row that their frames have to become.

    Ctrl-C ends it, and prints what was done up to then.  docs/scenarios.md explains scenario files,
    docs/simulators.md the protocols; names of our own: factory, city, judge, blackout, silent,
    demo.
    """
    settings = settings_of(system)
    if kinds.protocol is not None:
        if scenario is not None or straight != NOT_STRAIGHT:
            raise UsageError("--protocol goes without a scenario, and over a port")
        summary = simulate_protocol(kinds, extent, live, settings)
    else:
        summary = _simulate_scenario(scenario, live, straight, extent, settings)
    if json:
        print(as_json(summary))
    else:
        show_table(("", ""), list(summary.items()))
    if summary["interrupted"]:
        return INTERRUPTED
    return 1 if summary.get("unacked") else 0


def _simulate_scenario(
    scenario: str | None, live: Live, straight: Straight, extent: Extent, settings: Settings
) -> dict[str, Any]:
    """Simulate a city; return what was done.

    Raises:
        UsageError: an option, or the scenario, is wrong.
    """
    if scenario is None:
        raise UsageError("say SCENARIO or --protocol NAME", "such as factory, or --protocol all")
    if (live.to is None) != straight.direct:
        raise UsageError("say either --to HOST:PORT or --direct")
    chosen = find_scenario(scenario)
    if extent.days is not None and not extent.days > 0:
        raise UsageError("--days is above 0")
    if straight.direct:
        return simulate_straight(chosen, extent, straight, settings)
    return simulate_live(chosen, extent, live, settings)


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
