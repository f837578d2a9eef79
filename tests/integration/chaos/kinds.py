"""Meters of every protocol beside a city's, pushing and polled, as long as the block lasts."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from tests.integration.system import PREFIX, PROGRAM, System

CYCLE_S: Final = 10
# Longer than any run: they are told when it is over.
MINUTES: Final = 1_000
# The last answers, and what each had to say at its end.
END_S: Final = 60.0


class Kinds:
    """What they said: a file of its truth, and their own summary in the end."""

    def __init__(self, truth: Path) -> None:
        self.truth = truth
        self.summary: dict[str, Any] = {}


@asynccontextmanager
async def speaking(system: System, meters: int, seed: int) -> AsyncIterator[Kinds]:
    """Let so many meters speak to a running system; they are heard to the end."""
    kinds = Kinds(system.folder / "kinds.jsonl")
    host, port = system.target
    words = [
        "simulate", "--protocol", "all", "--meters", f"{meters}", "--cycle", f"{CYCLE_S}",
        "--minutes", f"{MINUTES}", "--seed", f"{seed}", "--to", f"{host}:{port}", "--register",
        "--truth", str(kinds.truth), "--json",
    ]  # fmt: skip
    # Without what is planted into the system's own processes.
    own = {name: text for name, text in os.environ.items() if not name.startswith(PREFIX)}
    process = await asyncio.create_subprocess_exec(
        *PROGRAM, *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=own | {f"{PREFIX}DATA": str(system.data)},
    )  # fmt: skip
    try:
        yield kinds
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(END_S):
            out, err = await process.communicate()
        assert out, err.decode()
        kinds.summary = json.loads(out.splitlines()[-1])
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
