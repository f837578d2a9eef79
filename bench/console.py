"""Every page of a whole city, as every role: server time, queries, first load; two hundred streams.

    .venv/bin/python bench/console.py                   about half an hour, most of it the city
    .venv/bin/python bench/console.py --city FOLDER     the city is kept there, and used again
    .venv/bin/python bench/console.py --record          the same, kept in docs/soak.md

344 firms with 90 days of rollups, alarms and ledgers and three days of readings (``sample_city``),
and the console in a process of its own.  The time of a page is from its request to its last byte on
the same machine; beside it stands what of it both processes worked, which a busy machine does not
change; its queries are all that were asked for it.  The exit status is 1 when a bar of
``looking`` or ``streams`` is not held.
"""

import argparse
import asyncio
import contextlib
import os
import platform
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Final

# Behind everything else: the rooms in the repository root must shadow no library.
sys.path.append(str(Path(__file__).resolve().parents[1]))

import asyncpg
import structlog
from bench.endurance import RECORD, add_record
from bench.figures import Table
from bench.looking import Asked, Looked, examples, look, sign_in_all
from bench.sample_city import build
from bench.sample_drawn import DAYS, NOW, RAW_DAYS
from bench.streams import SHARE_LIMIT, STREAMS, Cost, measure_streams

from wattwarden.storage.engines.postgres import EmbeddedPostgres
from wattwarden.storage.engines.postgres_settings import ADMIN_ROLE, DATABASE
from wattwarden.storage.engines.postgres_socket import dsn_for
from wattwarden.storage.migrate import load_migrations, migrate

SERVER: Final = Path(__file__).with_name("console_server.py")
TIMES: Final = 20
# Beside it the table says nothing of the pages.
_HEADING: Final = (
    "page", "as", "P50 ms", "P95 ms", "CPU ms", "queries", "page KB", "first load KB", "not held",
)  # fmt: skip


@contextlib.asynccontextmanager
async def store_of(folder: Path) -> AsyncIterator[tuple[str, int]]:
    """Start the city's PostgreSQL, filled where it is new; return its address and process."""
    engine = EmbeddedPostgres(folder)
    await engine.start()
    try:
        store = await asyncpg.connect(engine.dsn)
        await migrate(store, load_migrations())
        is_there = await store.fetchval("SELECT EXISTS (SELECT FROM firm_day)")
        await store.close()
        if not is_there:
            await _fill(dsn_for(folder, ADMIN_ROLE, DATABASE))
        yield engine.dsn, engine.pid
    finally:
        await engine.stop()


async def _fill(dsn: str) -> None:
    store = await asyncpg.connect(dsn)
    # Should it break, it is made anew.
    settings = ("fsync", "full_page_writes")
    for setting in settings:
        await store.execute(f"ALTER SYSTEM SET {setting} = off")
    await store.execute("SELECT pg_reload_conf()")
    await build(store, DAYS, RAW_DAYS)
    for setting in settings:
        await store.execute(f"ALTER SYSTEM RESET {setting}")
    await store.execute("SELECT pg_reload_conf()")
    await store.execute("CHECKPOINT")
    await store.close()


async def measure(folder: Path, times: int, only: str) -> tuple[list[Looked], list[Cost]]:
    """Measure all of it."""
    async with store_of(folder) as (dsn, database):
        store = await asyncpg.connect(dsn)
        lookers = await sign_in_all(store)
        secrets = folder / "secrets"
        secrets.mkdir(exist_ok=True)
        server = await asyncio.create_subprocess_exec(
            sys.executable, str(SERVER), dsn, str(secrets), stdout=asyncio.subprocess.PIPE
        )
        try:
            assert server.stdout is not None  # noqa: S101  asked for above
            url = f"http://127.0.0.1:{int(await server.stdout.readline())}"
            found: list[Looked] = []
            asked = Asked(url, (server.pid, database), times, only)
            for some in filter(None, lookers.values()):
                found += await look(asked, some[0], await examples(store, some[0]))
            costs = [] if only else [
                await measure_streams(url, server.pid, store, lookers, fetches=fetches)
                for fetches in (False, True)
            ]  # fmt: skip
        finally:
            server.terminate()
            await server.wait()
            await store.close()
        return found, costs


def tables(found: Sequence[Looked], costs: Sequence[Cost]) -> str:
    """Return what was measured as Markdown; of each page the role for which it was slowest."""
    worst: dict[str, Looked] = {}
    for one in found:
        worst[one.route.name] = max(worst.get(one.route.name, one), one, key=_grave)
    rows = [
        (
            one.route.path,
            one.role.value,
            f"{one.percentile(0.5):.0f}",
            f"{one.percentile(0.95):.0f}",
            f"{one.cpu_ms:.0f}",
            str(one.queries),
            f"{one.page_kb:.1f}",
            f"{one.load_kb:.0f}",
            ", ".join(one.wrong),
        )
        for one in worst.values()
    ]
    excepted = sorted({(one.excepted, one.route.path) for one in found if one.excepted})
    parts = [
        str(Table(_HEADING, tuple(rows))),
        "The bars are not for: " + "; ".join(f"{path} ({why})" for why, path in excepted) + ".",
    ]
    for what, cost in zip(("streams alone", "and what their pages fetch"), costs, strict=False):
        parts.append(
            f"{STREAMS} live streams, {what}: {cost.share:.1%} of a core (≤ {SHARE_LIMIT:.0%}),"
            f" {cost.changes} changes in a minute, {cost.told} told, {cost.fetched} fetched."
        )
    return "\n\n".join(parts)


def _grave(one: Looked) -> tuple[bool, bool, float]:
    """Return how much is to be said of it; of who is rightly refused, little."""
    return bool(one.wrong), one.status == HTTPStatus.OK, one.percentile(0.95)


def main(arguments: Sequence[str]) -> int:
    """Measures, prints the record and keeps it where one is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--city", type=Path, help="folder that keeps the city")
    parser.add_argument("--times", type=int, default=TIMES, help="how often a page is asked for")
    parser.add_argument("--only", default="", help="route names that begin so; no streams")
    parser.add_argument("--record", type=Path, nargs="?", const=RECORD, help="also keep it")
    given = parser.parse_args(arguments)
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    began = datetime.now(UTC)
    with tempfile.TemporaryDirectory(prefix="wattwarden-bench-") as name:
        folder = given.city or Path(name)
        folder.mkdir(exist_ok=True)
        # PostgreSQL runs as another user when this one is root, and must be able to pass.
        folder.chmod(0o755)
        found, costs = asyncio.run(measure(folder, given.times, given.only))
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    text = (
        f"## {began:%Y-%m-%d %H:%M} UTC, pages of a city\n\n"
        f"{os.cpu_count()} cores, Linux {platform.release()}, load {load}; a city of 344 firms at"
        f" {NOW:%Y-%m-%d}, {DAYS} days old; of each page the slowest role, {given.times} times.\n\n"
        f"{tables(found, costs)}\n"
    )
    print(text)
    if given.record:
        add_record(given.record, text)
    streams_held = all(one.share <= SHARE_LIMIT for one in costs[:1])
    return int(any(one.wrong for one in found) or not streams_held)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
