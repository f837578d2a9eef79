"""A PostgreSQL of our own, seen from outside."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import asyncpg

from wattwarden.storage.engines.postgres import EmbeddedPostgres


def cluster_of(data: Path) -> Path:
    (cluster,) = (data / "postgres").iterdir()
    return cluster


def owner(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


async def until(condition: Callable[[], bool]) -> None:
    while True:
        if condition():
            return
        await asyncio.sleep(0)


async def killed(engine: EmbeddedPostgres) -> None:
    os.kill(engine.pid, signal.SIGKILL)
    await until(lambda: engine.poll() is not None)


async def value(engine: EmbeddedPostgres, query: str, *arguments: object) -> object:
    connection = await asyncpg.connect(engine.dsn)
    try:
        return await connection.fetchval(query, *arguments)
    finally:
        await connection.close()
