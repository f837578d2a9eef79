"""``wattwarden meters``: see, register and configure meters."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import App, Parameter
from msgspec import to_builtins

from wattwarden.codecs import load_codecs
from wattwarden.server.places import Places
from wattwarden.server.settings import Settings
from wattwarden.storage.clocks import MeterClock, read_clocks
from wattwarden.storage.commands.counts import load_counts
from wattwarden.storage.database import Connection
from wattwarden.storage.meter_secrets import read_key
from wattwarden.storage.meters import (
    Meter,
    MeterState,
    accept_meters,
    add_meter,
    list_meters,
    set_profile,
)
from wattwarden.storage.profiles import ProfileBody, read_access
from wattwarden.storage.quarantine import Selection, list_held
from wattwarden.storage.retrying import Retried
from wattwarden.tools.debugging import debug
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import UsageError
from wattwarden.tools.gaps import show_gaps
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.profile_options import AS_IT_IS, ProfileOptions
from wattwarden.tools.render import show_table
from wattwarden.tools.running import (
    database,
    meter_name,
    meter_of,
    operator_name,
    retry_held,
    run,
    settings_of,
)
from wattwarden.tools.times import rfc3339

# One read of the table; the whole of a large city is listed page by page.
PAGE_METERS: Final = 1_000
# Counting further would read the whole quarantine for a number that nobody needs.
COUNTED_FRAMES: Final = 1_000

app = App(name="meters", help="See, register and configure meters.")
app.command(show_gaps, name="gaps")
app.command(debug)

MeterArgument = Annotated[
    str, Parameter(name="METER", help="codec:address, or the address alone if it is unique.")
]


@app.command(name="list")
def list_all(
    *,
    state: Annotated[MeterState | None, Parameter(help="Only those in this state.")] = None,
    codec: Annotated[str | None, Parameter(help="Only those of this codec.")] = None,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """List meters with their state and configuration."""
    settings = settings_of(system)

    async def work() -> tuple[list[Meter], dict[int, MeterClock]]:
        async with database(settings, "meters list") as connection:
            found = await _all(connection, state, codec)
            return found, await read_clocks(connection, [meter.id for meter in found])

    meters, clocks = run(work())
    if json:
        for meter in meters:
            print(as_json(_row(meter) | _clock_row(clocks.get(meter.id))))
        return
    headings = (
        *("meter", "state", "enrolled at", "from", "cycle s", "zone"),
        *("clock", "off s", "key", "version"),
    )
    show_table(headings, [_cells(meter, clocks.get(meter.id)) for meter in meters])


@app.command
def show(
    meter: MeterArgument, /, *, system: System = THE_USUAL_SYSTEM, json: AsJson = False
) -> int:
    """Show one meter: state, configuration, frames in quarantine, and what is wrong.

    The exit status is 1 when its configuration cannot be used, such as a missing key file.
    """
    settings = settings_of(system)
    name = meter_name(meter)

    async def work() -> dict[str, Any]:
        async with database(settings, "meters show") as connection:
            found = await meter_of(connection, name)
            selection = Selection(meter=found.address, codec=found.codec, state="open")
            waiting = await list_held(connection, selection, most=COUNTED_FRAMES)
            polls = await load_counts(connection, found.codec, found.address)
            clocks = await read_clocks(connection, [found.id])
        problem = _problem(found.profile, Places(settings.data).secrets)
        clock = _clock_row(clocks.get(found.id))
        asked = {"polls": None if polls is None else _polls_row(polls)}
        return _row(found) | clock | asked | {"waiting": len(waiting), "problem": problem}

    row = run(work())
    _print(row, json=json)
    return 1 if row["problem"] else 0


@app.command
def add(
    meter: MeterArgument,
    /,
    *,
    codec: Annotated[
        str | None, Parameter(help="The codec, when METER is an address alone.")
    ] = None,
    profile: ProfileOptions = AS_IT_IS,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Register a meter by hand; it is accepted at once, and its frames in quarantine are read."""
    settings = settings_of(system)
    name = meter_name(meter)
    chosen = name.codec or codec
    secrets = Places(settings.data).secrets
    if chosen not in load_codecs() or (codec is not None and codec != chosen):
        message = f"which codec does {meter} speak?"
        raise UsageError(message, f"name it codec:address, with one of {', '.join(load_codecs())}")

    async def work() -> dict[str, Any]:
        async with database(settings, "meters add") as connection:
            body = profile.applied(ProfileBody(), secrets, chosen, name.address)
            try:
                made = await add_meter(
                    connection,
                    chosen,
                    name.address,
                    profile=None if profile.is_empty() else body,
                    actor=operator_name(),
                    now=datetime.now(UTC),
                )
            except ValueError as error:
                raise UsageError(str(error)) from error
            return await _after(connection, settings, made)

    _print(run(work()), json=json)


@app.command
def accept(
    *meter: MeterArgument,
    all_unconfirmed: Annotated[
        bool, Parameter(name="--all", help="Every unconfirmed meter.", show_default=False)
    ] = False,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Vouch for meters that enrolled themselves, and read their frames in quarantine."""
    settings = settings_of(system)
    names = [meter_name(text) for text in meter]
    if bool(names) == all_unconfirmed:
        raise UsageError("no meter named", "give meters, or --all")

    async def work() -> list[dict[str, Any]]:
        async with database(settings, "meters accept") as connection:
            if names:
                chosen = [await meter_of(connection, name) for name in names]
            else:
                chosen = await _all(connection, MeterState.UNCONFIRMED, None)
            ids = [one.id for one in chosen]
            await accept_meters(connection, ids, actor=operator_name(), now=datetime.now(UTC))
            return [await _after(connection, settings, one) for one in chosen]

    rows = run(work())
    for row in rows:
        _print(row, json=json)
    if not rows and not json:
        print("no meter waits to be accepted")


@app.command(name="set")
def configure(
    meter: MeterArgument,
    /,
    *,
    profile: ProfileOptions = AS_IT_IS,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> None:
    """Configure a meter, and read its frames in quarantine with the new configuration.

    What is not named stays as it is. Running gateways and writers take a change within a second. A
    key is never given on the command line, where others could see it: put it into the secrets
    folder of the data folder and name the file, or pass it on standard input.
    """
    settings = settings_of(system)
    name = meter_name(meter)
    secrets = Places(settings.data).secrets
    if profile.is_empty():
        raise UsageError("nothing to set", "such as --cycle 60; see --help")

    async def work() -> dict[str, Any]:
        async with database(settings, "meters set") as connection:
            found = await meter_of(connection, name)
            body = profile.applied(found.profile, secrets, found.codec, found.address)
            now = datetime.now(UTC)
            try:
                await set_profile(connection, found.id, body, actor=operator_name(), now=now)
            except ValueError as error:
                raise UsageError(str(error)) from error
            return await _after(connection, settings, found)

    _print(run(work()), json=json)


async def _after(connection: Connection, settings: Settings, meter: Meter) -> dict[str, Any]:
    """Read the meter's frames in quarantine; return the meter as it is now, and what came of it."""
    selection = Selection(meter=meter.address)
    retried = await retry_held(connection, settings, selection)
    now = await meter_of(connection, meter_name(meter.name))
    return _row(now) | _retried_row(retried)


async def _all(connection: Connection, state: MeterState | None, codec: str | None) -> list[Meter]:
    found: list[Meter] = []
    while True:
        after = found[-1].id if found else 0
        page = await list_meters(
            connection, state=state, codec=codec, after_id=after, most=PAGE_METERS
        )
        found += page
        if len(page) < PAGE_METERS:
            return found


def _cells(meter: Meter, clock: MeterClock | None) -> tuple[object, ...]:
    return (
        meter.name,
        meter.state,
        rfc3339(meter.enrolled_at),
        meter.enrolled_from,
        meter.profile.cycle_s,
        meter.profile.zone,
        meter.profile.clock,
        _clock_row(clock)["skew_s"],
        meter.profile.key,
        meter.version or None,
    )


def _row(meter: Meter) -> dict[str, Any]:
    accepted = meter.accepted_at
    return {
        "meter": meter.name,
        "codec": meter.codec,
        "address": meter.address,
        "state": str(meter.state),
        "enrolled_at": rfc3339(meter.enrolled_at),
        "enrolled_from": meter.enrolled_from,
        "accepted_at": None if accepted is None else rfc3339(accepted),
        "accepted_by": meter.accepted_by,
        "version": meter.version,
        "zone": meter.profile.zone,
        "cycle_s": meter.profile.cycle_s,
        "clock": meter.profile.clock,
        "recall": meter.profile.recall,
        "listener": meter.profile.listener,
        "key": meter.profile.key,
        "access": None if meter.profile.access is None else to_builtins(meter.profile.access),
        "options": meter.profile.options,
    }


def _clock_row(clock: MeterClock | None) -> dict[str, Any]:
    """Return what was measured of a clock: how far it is ahead, by what, and when it was set."""
    if clock is None:
        return dict.fromkeys(("skew_s", "skew_readings", "skew_at", "synced_at", "syncs"))
    synced = clock.synced_at
    return {
        "skew_s": round(clock.skew_s, 1),
        "skew_readings": clock.readings,
        "skew_at": rfc3339(clock.measured_at),
        "synced_at": None if synced is None else rfc3339(synced),
        "syncs": clock.syncs,
    }


def _polls_row(polls: dict[str, Any]) -> dict[str, Any]:
    """What came of polls on the meter's last connection, and when its gateway said so."""
    return polls | {"told_at": rfc3339(polls["told_at"])}


def _retried_row(retried: Retried) -> dict[str, Any]:
    return {"tried": retried.tried, "resolved": retried.resolved, "rows": retried.rows}


def _print(row: dict[str, Any], *, json: bool) -> None:
    if json:
        print(as_json(row))
    else:
        show_table(("", ""), list(row.items()))


def _problem(body: ProfileBody, secrets: Path) -> str | None:
    try:
        if body.key is not None:
            read_key(secrets, body.key)
    except ValueError as error:
        return str(error)
    return read_access(body.access, secrets)[1] or None
