"""``python -m wattwarden.server.aside TASK``: one piece of work, asked on standard input."""

import asyncio
import os
import resource
import sys
from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import Final

from wattwarden.server.aside.bounds import MEMORY_BYTES, NICE, NO_MEMORY
from wattwarden.server.logs import configure_logs

Tell = Callable[[bytes], None]

# Each loads what it needs and nothing else: somebody waits for its start.
TASKS: Final[Mapping[str, tuple[str, str]]] = {
    "book": ("wattwarden.server.aside.books", "read_aside"),
    "backtest": ("wattwarden.server.backtest.aside", "fold_aside"),
    "sign": ("wattwarden.server.aside.signing", "days_aside"),
}


def tell(answer: bytes) -> None:
    """Say a line at once."""
    sys.stdout.buffer.write(answer + b"\n")
    sys.stdout.buffer.flush()


async def work(task: str) -> None:
    """Do what standard input asks for."""
    module, name = TASKS[task]
    done: Callable[[bytes, Tell], Awaitable[None]] = getattr(import_module(module), name)
    await done(sys.stdin.buffer.read(), tell)


if __name__ == "__main__":
    # Standard output is for answers alone; whoever asked has told what is usual.
    configure_logs(f"aside {sys.argv[1]}", "warning")
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    try:
        asyncio.run(work(sys.argv[1]))
    except MemoryError:
        sys.exit(NO_MEMORY)
