"""``wattwarden simulate --protocol``: meters of a protocol against a gateway, and their truth."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from wattwarden.server.descriptors import raise_descriptor_limit
from wattwarden.server.lifetime import stop_event
from wattwarden.server.places import Places, read_running
from wattwarden.server.rate import load_rate
from wattwarden.server.secret_files import SecretError, read_secret
from wattwarden.server.settings import Settings
from wattwarden.storage.moments import moment_of
from wattwarden.tools.errors import UsageError
from wattwarden.tools.running import run
from wattwarden.tools.simulator.options import Extent, Live
from wattwarden.tools.simulator.protocols.cast import Cast, Doors, make_cast
from wattwarden.tools.simulator.protocols.entering import enter_cast
from wattwarden.tools.simulator.protocols.options import Kinds
from wattwarden.tools.simulator.protocols.play import Plan, Show
from wattwarden.tools.simulator.protocols.rows import Truth
from wattwarden.tools.simulator.protocols.stage import Stage
from wattwarden.tools.simulator.truth import progress
from wattwarden.tools.target import target_of

DEFAULT_SEED: Final = 1
# A gateway follows the profiles that were changed within a second.
FOLLOWED_S: Final = 2.0
HERE: Final = "127.0.0.1"
_EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104  # what a listener calls all addresses


def simulate_protocol(
    kinds: Kinds, extent: Extent, live: Live, settings: Settings
) -> dict[str, Any]:
    """Let meters of a protocol dial in and speak; return what became of what they said.

    Ctrl-C ends it: ``interrupted`` says so.

    Raises:
        UsageError: an option is wrong.
        StorageError: the database is away in which the meters are to be registered.
    """
    _check(kinds)
    seed = DEFAULT_SEED if extent.seed is None else extent.seed
    target = _reached(live.to or _listening(settings), HERE)
    doors = doors_of(settings, target[0])
    cast = make_cast(kinds.protocol or "", kinds.meters, kinds.cycle, seed, doors)
    plan = Plan(
        cycle_s=kinds.cycle,
        turns=max(1, round(kinds.minutes * 60 / kinds.cycle)),
        garbage=-(-int(cast.connections * kinds.garbage) // 100),
    )
    path = extent.truth or Path(f"{kinds.protocol}-truth.jsonl")
    truth = Truth(path)
    clock = load_rate(settings.data).clock()
    lost = kinds.lost / 100
    stage = Stage(target, truth, seed, lost=lost, now=lambda: moment_of(clock.now_us()))
    raise_descriptor_limit()
    started = time.monotonic()
    registering = settings if live.register else None
    try:
        with progress() as seen:
            found = run(_play(cast, stage, doors, plan, registering, seen))
    finally:
        truth.close()
    return {
        **found,
        "meters": cast.meters,
        "left out": cast.left_out,
        **msgspec.to_builtins(stage.tally),
        "rows": truth.counts,
        "truth": str(path),
        "seconds": round(time.monotonic() - started, 1),
    }


def doors_of(settings: Settings, host: str) -> Doors:
    """Return where the gateway with these settings listens beside its meter port.

    Raises:
        UsageError: the secret of a platform cannot be read.
    """
    gateway = settings.gateway
    files = {"ctwing": gateway.ctwing_token_file, "onenet": gateway.onenet_token_file}
    secrets = Places(settings.data).secrets
    try:
        tokens = {
            name: read_secret(secrets, file).reveal()
            for name, file in files.items()
            if file is not None
        }
    except SecretError as error:
        raise UsageError(str(error), f"put it into {secrets}") from error
    http = None if gateway.http_listen is None else _reached(gateway.http_listen, host)
    udp = None if gateway.udp_listen is None else _reached(gateway.udp_listen, host)
    return Doors(None if http is None else f"http://{http[0]}:{http[1]}", udp, tokens)


async def _play(
    cast: Cast,
    stage: Stage,
    doors: Doors,
    plan: Plan,
    registering: Settings | None,
    seen: Callable[[int], object],
) -> dict[str, Any]:
    stop = stop_event()
    added = 0
    if registering is not None:
        added = await enter_cast(registering, cast, plan.cycle_s, stage.seed)
        await asyncio.sleep(FOLLOWED_S)
    unacked = await Show(cast, stage, doors, plan).play(seen, stop)
    return {"unacked": unacked, "interrupted": stop.is_set(), "registered": added}


def _check(kinds: Kinds) -> None:
    if kinds.meters < 1:
        raise UsageError("--meters is 1 or more")
    if not kinds.cycle > 0 or not kinds.minutes > 0:
        raise UsageError("--cycle and --minutes are above 0")
    for name, percent in (("--garbage", kinds.garbage), ("--lost", kinds.lost)):
        if not 0 <= percent <= 100:
            message = f"{name} is from 0 to 100 percent"
            raise UsageError(message)


def _listening(settings: Settings) -> str:
    running = read_running(Places(settings.data))
    return settings.gateway.listen if running is None else running.listen


def _reached(listen: str, host: str) -> tuple[str, int]:
    """Return where a door is reached that listens there, from where ``host`` is reached."""
    own, number = target_of(listen)
    return (host if own in _EVERYWHERE else own), number
