"""``wattwarden doctor``: is this machine fit, and what to do where it is not."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from rich.text import Text

from wattwarden.console.oidc.errors import AwayError
from wattwarden.console.oidc.provider import Provider
from wattwarden.server.forward_rows import owned_of, shared_mns
from wattwarden.server.forward_table import ForwardTableError, load_forward_table
from wattwarden.server.identities import registration_of
from wattwarden.server.journal import fullest_shard
from wattwarden.server.last_backup import last_backup
from wattwarden.server.places import Places, archive_of, days_store_of
from wattwarden.server.settings import Settings
from wattwarden.storage.archive.catalogue import oldest_day
from wattwarden.storage.archive.store import Store
from wattwarden.storage.errors import StorageError
from wattwarden.storage.growth import Growth, measure_growth
from wattwarden.storage.journal.survey import StreamFacts
from wattwarden.storage.proof.signed import SignedTo, signed_to
from wattwarden.storage.registry.registry import load_registry
from wattwarden.tools.checks import ArchiveFacts, Asked, Check, State, free_bytes, look
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError
from wattwarden.tools.forward import shared_text
from wattwarden.tools.notify.faulty import load_faults
from wattwarden.tools.options import THE_USUAL_SYSTEM, AsJson, System
from wattwarden.tools.render import console, plain_table
from wattwarden.tools.running import database, run, settings_of
from wattwarden.tools.tls_files import certificates
from wattwarden.tools.upkeep import (
    backup,
    disk_forecast,
    segments_a_day,
    service,
    show_service,
    signed_days,
)

VERDICT_COLOURS: Final = {State.OK: "green", State.WARN: "yellow", State.FAIL: "bold red"}


def doctor(*, system: System = THE_USUAL_SYSTEM, json: AsJson = False) -> int:
    """Check this machine and name the cure for what is wrong.

    Looks at Python, the limit of open files, checksums, engines and their versions, the meter port,
    the clock, the disk, the data folder, the journal's settings and how full it is, addresses that
    gateways refuse, the provider of identities where one is configured, the table of platforms
    above us and the store of closed days; and at what keeps it so: when the disk will be full,
    whether TLS's files fit and when they expire, the age of the last backup, how far days are
    signed, and whether the service is watched. Changes nothing.

    The exit status is 1 when something would keep the system from working.
    """
    settings = settings_of(system)
    now = datetime.now(UTC)
    asked, growth, signed = run(_all_asked(settings))
    checks = [*look(settings, now, asked), *kept_up(settings, now, growth, signed)]
    fit = all(check.state is not State.FAIL for check in checks)
    if json:
        rows = [
            {
                "name": check.name,
                "state": str(check.state),
                "found": check.found,
                "cure": check.cure or None,
            }
            for check in checks
        ]
        print(as_json({"fit": fit, "checks": rows}))
    else:
        _show(checks)
    return 0 if fit else 1


def kept_up(
    settings: Settings, now: datetime, growth: Growth | None, signed: SignedTo | None
) -> Iterator[Check]:
    """Look at what a system needs to be well next month."""
    places = Places(settings.data)
    archive = archive_of(settings)
    yield disk_forecast(free_bytes(settings.data), growth, segments_a_day(archive, now))
    yield from certificates(settings, now)
    yield backup(last_backup(places), now, has_data=places.running.exists())
    yield signed_days(signed)
    yield service(show_service())


async def _all_asked(settings: Settings) -> tuple[Asked, Growth | None, SignedTo | None]:
    return await _asked(settings), await growth_of(settings), await signed_of(settings)


async def signed_of(settings: Settings) -> SignedTo | None:
    """Return how far days are signed; None where no database can be asked."""
    with suppress(StorageError, CommandError):
        async with database(settings, "doctor") as connection:
            return await signed_to(connection, datetime.now(UTC))
    return None


async def growth_of(settings: Settings) -> Growth | None:
    """Return how fast rows grow; None where no database can be asked."""
    with suppress(StorageError, CommandError):
        async with database(settings, "doctor") as connection:
            return await measure_growth(connection, datetime.now(UTC).date())
    return None


async def _asked(settings: Settings) -> Asked:
    return Asked(
        await journal_fill(settings),
        await faulty_addresses(settings),
        await provider_misfits(settings),
        await forwarding_trouble(settings),
        await archive_facts(settings),
    )


async def forwarding_trouble(settings: Settings) -> str | None:
    """Return what is wrong with the table of platforms, "" for nothing; None where it has none."""
    try:
        table = load_forward_table(Places(settings.data).forward)
    except ForwardTableError as error:
        return str(error)
    if not table:
        return None
    with suppress(StorageError, CommandError):
        async with database(settings, "doctor") as connection:
            registry = await load_registry(connection)
        return "; ".join(
            text
            for one in table.values()
            if (text := shared_text(shared_mns(one, owned_of(registry, one.enterprises))))
        )
    return ""


async def archive_facts(settings: Settings) -> ArchiveFacts | None:
    """Return how closed days stand; None where no database can be asked."""
    url = days_store_of(settings)
    now = datetime.now(UTC)
    with suppress(StorageError, CommandError):
        async with database(settings, "doctor") as connection:
            oldest = await oldest_day(connection)
        fault, free = "", None
        try:
            store = Store(url)
            free = store.free_bytes()
            store.try_out()
        except StorageError as error:
            fault = error.message
        due = now.date() - timedelta(days=settings.archivist.hot_days)
        return ArchiveFacts(url, fault, free, oldest, due)
    return None


async def provider_misfits(settings: Settings) -> tuple[str, ...] | None:
    """Return what is wrong with the provider of identities; None where none is configured."""
    registration = registration_of(settings, settings.console.public_url or "")
    if registration is None:
        return None
    provider = Provider(registration)
    try:
        return await provider.misfits()
    except AwayError as error:
        return (str(error),)
    finally:
        await provider.close()


async def faulty_addresses(settings: Settings) -> int | None:
    """Return how many addresses are refused; None where no database can be asked."""
    with suppress(StorageError, CommandError):
        async with database(settings, "doctor") as connection:
            return len(await load_faults(connection))
    return None


async def journal_fill(settings: Settings) -> StreamFacts | None:
    """Return how full the journal is; None when none answers, as before the first start."""
    with suppress(StorageError):
        return await fullest_shard(settings)
    return None


def _show(checks: Sequence[Check]) -> None:
    """Print each check with its verdict, and the cure below it."""
    table = plain_table("", "", "")
    for check in checks:
        found = Text(check.found)
        if check.cure:
            found.append(f"\n→ {check.cure}", "bold")
        table.add_row(Text(check.state, VERDICT_COLOURS[check.state]), Text(check.name), found)
    console().print(table)
