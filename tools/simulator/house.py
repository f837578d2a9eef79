"""A data folder with everything running but the gateway, for a simulation that writes the journal.

engines ─► schema ─► writer, and the warden where this program has one ─► … ─► caught up ─► stop
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from wattwarden.server.children import Role
from wattwarden.server.journal import open_journal
from wattwarden.server.places import Places, dsn_of, nats_of, running_of, write_running
from wattwarden.server.settings import Settings
from wattwarden.server.supervise import environment_of
from wattwarden.storage.database import Connection, connect
from wattwarden.storage.engines.nats_server import EmbeddedNats
from wattwarden.storage.engines.postgres import EmbeddedPostgres
from wattwarden.storage.journal.journal import Journal
from wattwarden.storage.migrate import load_migrations, migrate
from wattwarden.storage.rows.position import stored_sequences
from wattwarden.tools.errors import CommandError
from wattwarden.tools.simulator.entering import folded_to

ROLE_PATIENCE_S: Final = 20.0
CATCH_UP_POLL_S: Final = 0.1
# Folding a month of a city moves every second; whoever stands still so long is dead.
STANDSTILL_S: Final = 60.0
FOLDING_ROLE: Final = "warden"
# What a running system says of its meter port when it has none.
NO_PORT: Final = "none: simulated"


class Reached(msgspec.Struct, frozen=True):
    """How far a simulation has come in a data folder: ``second`` since its first midnight."""

    scenario: str
    seed: int
    second: int


@dataclass(slots=True)
class House:
    """The running parts."""

    settings: Settings
    journal: Journal
    connection: Connection
    roles: list[Role]

    async def caught_up(self, tick: int) -> None:
        """Wait until all that the journal holds is stored, and folded where there is a warden.

        Raises:
            CommandError: nothing moves for a long while.
        """
        ends = [(await self.journal.status(shard)).last for shard in range(self.journal.shards)]
        wanted = [*ends, tick if self._folds else 0]
        clock = asyncio.get_running_loop().time
        reached, moved_at = await self._reached(), clock()
        while any(now < end for now, end in zip(reached, wanted, strict=True)):
            await asyncio.sleep(CATCH_UP_POLL_S)
            now = await self._reached()
            if now != reached:
                reached, moved_at = now, clock()
            elif clock() - moved_at > STANDSTILL_S:
                message = f"nothing was stored or folded for {STANDSTILL_S:.0f} s"
                raise CommandError(message, "see what the roles said on standard error")

    @property
    def _folds(self) -> bool:
        return any(role.name == FOLDING_ROLE for role in self.roles)

    async def _reached(self) -> list[int]:
        """How far each shard is stored, and the city folded."""
        stored = await stored_sequences(dsn_of(self.settings))
        folded = await folded_to(self.connection) if self._folds else 0
        return [*(stored.get(shard, 0) for shard in range(self.journal.shards)), folded]


@asynccontextmanager
async def open_house(settings: Settings, roles: tuple[str, ...]) -> AsyncIterator[House]:
    """Start engines, schema and roles; stop them in the end.

    Raises:
        StorageError, RoleError: something did not start; what had started is stopped.
    """
    async with contextlib.AsyncExitStack() as stack:
        if settings.dsn is None:
            postgres = EmbeddedPostgres(settings.data)
            await postgres.start()
            stack.push_async_callback(postgres.stop)
        if settings.nats is None:
            nats = EmbeddedNats(settings.data)
            await nats.start()
            stack.push_async_callback(nats.stop)
        write_running(Places(settings.data), running_of(settings, NO_PORT, {}))
        # Whoever comes later starts everything anew, and may choose how fast time runs.
        stack.callback(Places(settings.data).running.unlink, missing_ok=True)
        connection = await connect(dsn_of(settings), name="simulate")
        stack.push_async_callback(connection.close)
        await migrate(connection, load_migrations())
        journal = await open_journal(settings, nats_of(settings))
        stack.push_async_callback(journal.close)
        running: list[Role] = []
        for name in roles:
            role = Role(name, environment_of(settings))
            await role.start()
            stack.push_async_callback(role.stop, ROLE_PATIENCE_S)
            stack.callback(asyncio.create_task(role.watch(lambda: None)).cancel)
            running.append(role)
        yield House(settings, journal, connection, running)


def read_reached(data: Path) -> Reached | None:
    """Return how far a simulation has come in a folder, None where there was none.

    Raises:
        CommandError: what is there cannot be read.
    """
    try:
        return msgspec.json.decode(_file(data).read_bytes(), type=Reached)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        message = f"{_file(data)} is damaged"
        raise CommandError(message, "begin again in another data folder") from error


def write_reached(data: Path, reached: Reached) -> None:
    """Note how far a simulation has come."""
    draft = _file(data).with_suffix(".new")
    draft.write_bytes(msgspec.json.encode(reached))
    draft.replace(_file(data))


def _file(data: Path) -> Path:
    return data / "simulation.json"
