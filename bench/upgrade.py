"""Replace the program under load, as an upgrade does, and see whether meters lose anything.

    .venv/bin/python bench/upgrade.py [--meters 200] [--gateways 3] [--restarts 2]

The meter port is held here, as systemd holds it.  Gateways are ended one after another, then all of
`wattwarden up`, which starts again at once; meters dial in again and repeat what was not
acknowledged.  In the end what was acknowledged is held against the rows.  The exit status is 1 when
a frame is lost or doubled, or when a connection was refused.
"""

import argparse
import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from wattwarden.server.inherited import METER_SOCKETS, VARIABLE, descriptors, handed_over
from wattwarden.server.sockets import open_listeners
from wattwarden.storage.engines.postgres import postgres_dsn

sys.path.append(str(Path(__file__).resolve().parents[1]))
from tests.integration.audit import audit
from tests.integration.fleet import Fleet, mixed_fleet, start_of_yesterday
from tests.integration.system import database, eventually, open_folder

PROGRAM: Final = Path(sys.executable).with_name("wattwarden")
SEED: Final = 9
# Of a meter after an answer: some 250 frames a second from 200 meters.
PAUSE_S: Final = 0.8
PATIENCE_S: Final = 120.0
BETWEEN_S: Final = 3.0


class Installation:
    """A data folder, the meter port, and the `wattwarden up` that has both for a while."""

    def __init__(self, folder: Path, sockets: dict[str, Any]) -> None:
        self.data = folder / "data"
        self.dsn = postgres_dsn(self.data)
        self._sockets = sockets
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it and wait for its ready line."""
        self._process = await asyncio.create_subprocess_exec(
            PROGRAM, "up", "--data", self.data, "--json", "--console", "127.0.0.1:0",
            "--listen", "127.0.0.1:0",
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {VARIABLE: handed_over(self._sockets)},
            pass_fds=descriptors(self._sockets),
        )  # fmt: skip
        line = await self._process.stdout.readline() if self._process.stdout else b""
        if not line:
            message = "it did not become ready"
            raise RuntimeError(message)

    async def stop(self) -> None:
        """Stop it as `systemctl restart` does."""
        if self._process is not None:
            self._process.terminate()
            await self._process.communicate()

    async def restart(self) -> None:
        """Replace all of it."""
        await self.stop()
        await self.start()

    def gateway(self) -> int:
        """Return the process id of the gateway."""
        told = json.loads((self.data / "run/running.json").read_bytes())
        return int(told["pids"]["gateway"][0])

    async def replace_gateway(self) -> None:
        """Replace the gateway alone."""
        before = self.gateway()
        os.kill(before, signal.SIGTERM)

        async def successor() -> bool:
            return self.gateway() != before

        await eventually(successor, within_s=PATIENCE_S)

    async def value(self, query: str, *values: object) -> Any:
        """Ask the database for one value."""
        async with database(self.dsn) as connection:
            return await connection.fetchval(query, *values)


async def measured(what: str, fleet: Fleet, act: Callable[[], Awaitable[None]]) -> None:
    """Do something, and say how long it was before every meter had an answer again."""
    began = time.monotonic()
    await act()
    ready_s = time.monotonic() - began
    await fleet.everybody_is_answered(PATIENCE_S)
    answered_s = time.monotonic() - began
    print(f"{what}: ready after {ready_s:.1f} s, all answered after {answered_s:.1f} s")
    await asyncio.sleep(BETWEEN_S)


async def run(meters: int, gateways: int, restarts: int) -> int:
    """Run it; return the exit status."""
    folder, start = open_folder(), start_of_yesterday()
    listening = await open_listeners("127.0.0.1", 0)
    installation = Installation(folder, {METER_SOCKETS: listening})
    try:
        await installation.start()
        target = listening[0].getsockname()
        async with mixed_fleet(target, start, SEED, meters, PAUSE_S) as fleet:
            await fleet.everybody_is_answered(PATIENCE_S)
            for _ in range(gateways):
                await measured("gateway replaced", fleet, installation.replace_gateway)
            for _ in range(restarts):
                await measured("all replaced", fleet, installation.restart)
            await fleet.finish(PATIENCE_S)
        found = await audit(installation, fleet, start, PATIENCE_S)  # type: ignore[arg-type]  # has what it asks
    finally:
        await installation.stop()
        shutil.rmtree(folder, ignore_errors=True)
    refused = sum(meter.refused for meter in fleet.meters)
    resent = sum(meter.resent for meter in fleet.meters)
    print(f"{meters} meters: {found}; sent again {resent}; connections refused {refused}")
    return int(refused > 0)


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--meters", type=int, default=200)
    parser.add_argument("--gateways", type=int, default=3)
    parser.add_argument("--restarts", type=int, default=2)
    return asyncio.run(run(**vars(parser.parse_args())))


if __name__ == "__main__":
    sys.exit(main())
