"""Packages of evidence for the pages: one at a time, whoever goes away meanwhile."""

import asyncio
import threading
from pathlib import Path

import pytest

from wattwarden.server.packages import Packages
from wattwarden.server.settings import Settings

PATIENCE_S = 60.0


async def test_the_next_package_waits_for_one_whose_asker_has_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = Packages(Settings(data=tmp_path))
    began: list[int] = []
    first, ends = threading.Event(), threading.Event()

    async def made(alarm: int) -> bytes:
        began.append(alarm)
        first.set()
        if alarm == 1:
            assert ends.wait(PATIENCE_S)
        return b"%d" % alarm

    monkeypatch.setattr(packages, "_made", made)
    gone = asyncio.ensure_future(packages.make(1))
    assert await asyncio.to_thread(first.wait, PATIENCE_S)
    gone.cancel()
    second = asyncio.ensure_future(packages.make(2))
    # Were it let in, its thread would have begun by now.
    await asyncio.to_thread(lambda: None)
    await asyncio.to_thread(lambda: None)
    assert began == [1]
    ends.set()
    assert await second == b"2"
    assert gone.cancelled()
