"""``wattwarden forward``: what platforms above us get, and whether they take it."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from cyclopts import App, Parameter

from wattwarden.codecs.hj212.client import qn_of
from wattwarden.server.forward_line import ForwardLine, LineLostError, Outgoing
from wattwarden.server.forward_rows import Owned, items_of, owned_of, shared_mns
from wattwarden.server.forward_table import ForwardTableError, Platform, load_forward_table
from wattwarden.server.forwarder import outgoing
from wattwarden.server.places import Places
from wattwarden.server.secret_files import SecretError, read_secret
from wattwarden.server.settings import Settings
from wattwarden.storage.forward import Forwarded, Owed, aside, forget, read_forwarded, take_back
from wattwarden.storage.forward_rows import newest_row
from wattwarden.storage.registry.registry import load_registry
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError, UsageError
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.render import show_table
from wattwarden.tools.running import database, run, settings_of
from wattwarden.tools.times import rfc3339

app = App(name="forward", help="See what platforms above us get, and try one out.")

NameArgument = Annotated[str, Parameter(name="PLATFORM", help="Its name in forward.toml.")]
# One of them has said something today, or the firm is shut.
TRIED_METERS: Final = 50
_HEADINGS: Final = (
    *("platform", "owed", "behind", "sent", "again", "acknowledged", "aside", "let go"),
    *("acknowledged at", "in the way"),
)
_ASIDE_HEADINGS: Final = ("qn", "mn", "cn", "tries", "data")
# A page of a terminal; --json has them whole.
_SHOWN_LETTERS: Final = 60
ASIDE_AT_ONCE: Final = 500


@app.command(name="list")
def list_all(*, system: System = THE_USUAL_SYSTEM, json: AsJson = False) -> None:
    """List the platforms of forward.toml, with the enterprises and how many meters each gets."""
    settings = settings_of(system)
    table = _table(settings)

    async def work() -> dict[str, Owned]:
        async with database(settings, "forward list") as connection:
            registry = await load_registry(connection)
        return {name: owned_of(registry, one.enterprises) for name, one in table.items()}

    owned = run(work())
    rows = [
        {
            "platform": name,
            "address": one.address,
            "edition": one.edition,
            "st": one.st,
            "enterprises": one.enterprises,
            "meters": len(owned[name].meters),
            "channels": len(owned[name].points),
            "problem": _problem(settings, one, owned[name]),
        }
        for name, one in table.items()
    ]
    if json:
        for row in rows:
            print(as_json(row))
        return
    show_table(
        list(rows[0]) if rows else ["platform"],
        [[", ".join(v) if isinstance(v, list) else v for v in row.values()] for row in rows],
    )


@app.command
def status(*, system: System = THE_USUAL_SYSTEM, json: AsJson = False) -> int:
    """Show what each platform is owed, what it took, and what is in the way.

    The exit status is 1 while something is in the way of one.
    """
    settings = settings_of(system)

    async def work() -> list[Forwarded]:
        async with database(settings, "forward status") as connection:
            return await read_forwarded(connection)

    found = run(work())
    if json:
        for one in found:
            print(as_json(_plain(one)))
    else:
        show_table(_HEADINGS, [_cells(one) for one in found])
    return 1 if any(one.trouble for one in found) else 0


@app.command(name="test")
def try_out(
    platform: NameArgument, /, *, system: System = THE_USUAL_SYSTEM, json: AsJson = False
) -> int:
    """Send a platform the newest reading that is meant for it, once, and wait for its answer.

    It may get that reading twice: under a QN of its own now, and by the forwarder. The exit status
    is 1 when it does not take it.
    """
    settings = settings_of(system)
    one = _table(settings).get(platform)
    if one is None:
        message = f"no platform {platform} in {Places(settings.data).forward}"
        raise UsageError(message, "see `wattwarden forward list`")

    async def work() -> dict[str, Any]:
        async with database(settings, "forward test") as connection:
            owned = owned_of(await load_registry(connection), one.enterprises)
            some = sorted(owned.meters)[:TRIED_METERS]
            newest = await newest_row(connection, some, datetime.now(UTC))
        items = () if newest is None else items_of(one, owned, newest)
        item = next(iter(items), None)
        if item is None:
            message = f"no reading is stored that {platform} would get"
            raise CommandError(message, "see `wattwarden forward list` and `wattwarden registry`")
        try:
            password = read_secret(Places(settings.data).secrets, one.password_file)
        except SecretError as error:
            raise CommandError(
                str(error), f"put it into {Places(settings.data).secrets}"
            ) from error
        upload = outgoing(one, Owed(time.time_ns() // 1_000_000, item, 0), password)
        return {"platform": platform, "mn": item.mn, "qn": upload.qn} | await _tried(one, upload)

    row = run(work())
    if json:
        print(as_json(row))
    else:
        show_table(("", ""), list(row.items()))
    return 0 if row["taken"] else 1


@app.command(name="aside")
def list_aside(
    platform: NameArgument, /, *, system: System = THE_USUAL_SYSTEM, json: AsJson = False
) -> None:
    """List what a platform never took while it took others: the oldest first."""
    settings = settings_of(system)

    async def work() -> list[Owed]:
        found: list[Owed] = []
        async with database(settings, "forward aside") as connection:
            if platform not in {one.platform for one in await read_forwarded(connection)}:
                message = f"nothing was ever forwarded to {platform}"
                raise CommandError(message, "see wattwarden forward status")
            while page := await aside(
                connection, platform, found[-1].qn if found else 0, ASIDE_AT_ONCE
            ):
                found += page
        return found

    found = run(work())
    if json:
        for one in found:
            item = one.item
            row = {"qn": qn_of(one.qn), "mn": item.mn, "cn": item.cn, "tries": one.tries}
            print(as_json(row | {"data": item.data}))
        return
    show_table(
        _ASIDE_HEADINGS,
        [
            (qn_of(one.qn), one.item.mn, one.item.cn, one.tries, one.item.data[:_SHOWN_LETTERS])
            for one in found
        ],
    )


@app.command
def retry(
    platform: NameArgument, /, *, system: System = THE_USUAL_SYSTEM, json: AsJson = False
) -> None:
    """Owe a platform again what was set aside because it never took it."""
    settings = settings_of(system)

    async def work() -> int:
        async with database(settings, "forward retry") as connection:
            return await take_back(connection, platform)

    count = run(work())
    print(as_json({"platform": platform, "owed": count}) if json else f"{count} owed again")


@app.command(name="forget")
def forget_platform(
    platform: NameArgument, /, *, system: System = THE_USUAL_SYSTEM, json: AsJson = False
) -> None:
    """Forget a platform that was taken out of forward.toml, with what it was still owed.

    Closed days wait until every platform has taken their rows; one that is forgotten holds none.
    """
    settings = settings_of(system)
    if platform in _written(settings):
        message = f"{platform} stands in {Places(settings.data).forward}"
        raise UsageError(message, "take it out there first")

    async def work() -> int | None:
        async with database(settings, "forward forget") as connection:
            return await forget(connection, platform)

    owed = run(work())
    if owed is None:
        message = f"nothing was ever forwarded to {platform}"
        raise UsageError(message, "see `wattwarden forward status`")
    print(as_json({"platform": platform, "owed": owed}) if json else f"forgotten, {owed} were owed")


async def _tried(platform: Platform, upload: Outgoing) -> dict[str, Any]:
    """Send one upload; return whether it was taken, in what time, and what was said."""
    started = time.monotonic()
    try:
        line = await ForwardLine.open(platform.endpoint, platform.overtime_s)
        try:
            await line.send([upload], started)
            while line.unanswered:
                for _, answer in await line.hear(platform.overtime_s):
                    took = round(1000 * (time.monotonic() - started))
                    return {"taken": not answer.refused, "ms": took, "reason": answer.refused}
                if line.is_overdue(time.monotonic(), passed=False):
                    break
        finally:
            await line.close()
    except LineLostError as error:
        return {"taken": False, "ms": None, "reason": str(error)}
    seconds = f"{platform.overtime_s:g} s"
    reason = f"no answer within {seconds}: MN or password unknown there, or QN not echoed"
    return {"taken": False, "ms": None, "reason": reason}


def _written(settings: Settings) -> dict[str, Platform]:
    try:
        return load_forward_table(Places(settings.data).forward)
    except ForwardTableError as error:
        raise CommandError(str(error), "see docs/forwarding.md") from error


def _table(settings: Settings) -> dict[str, Platform]:
    table = _written(settings)
    if not table:
        message = f"nothing is forwarded: {Places(settings.data).forward} names no platform"
        raise CommandError(message, "see docs/forwarding.md")
    return table


def _problem(settings: Settings, platform: Platform, owned: Owned) -> str | None:
    try:
        read_secret(Places(settings.data).secrets, platform.password_file)
    except SecretError as error:
        return str(error)
    return shared_text(shared_mns(platform, owned)) or None


def shared_text(shared: Mapping[str, Sequence[str]]) -> str:
    """Say which MNs stand for several meters, "" where each has one of its own."""
    return "; ".join(
        f"the MN {mn} stands for {', '.join(some)}: name others under [platforms.NAME.mn]"
        for mn, some in sorted(shared.items())
    )


def _cells(one: Forwarded) -> tuple[object, ...]:
    return (
        one.platform,
        one.waiting,
        one.behind,
        one.sent,
        one.repeated,
        one.acknowledged,
        one.aside or None,
        one.let_go or None,
        _time(one.acknowledged_at),
        one.trouble or None,
    )


def _plain(one: Forwarded) -> dict[str, Any]:
    return {
        "platform": one.platform,
        "owed": one.waiting,
        "aside": one.aside,
        "let_go": one.let_go,
        "behind_steps": one.behind,
        "taken": one.taken,
        "silent": one.silent,
        "sent": one.sent,
        "again": one.repeated,
        "acknowledged": one.acknowledged,
        "connected_at": _time(one.connected_at),
        "acknowledged_at": _time(one.acknowledged_at),
        "trouble": one.trouble or None,
        "trouble_at": _time(one.trouble_at),
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)
