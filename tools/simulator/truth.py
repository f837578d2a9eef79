"""The truth of a simulation as a file, and the bar of its frames."""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import msgspec

from wattwarden.tools.render import frame_progress
from wattwarden.tools.simulator.world import World


def write_truth(world: World, path: Path, since_ms: float, until_ms: float) -> int:
    """Write the offences of a stretch of time as JSON lines; return how many."""
    found = [one for one in world.truth() if one.end_ms > since_ms and one.onset_ms < until_ms]
    lines = b"".join(msgspec.json.encode(one.as_json()) + b"\n" for one in found)
    path.write_bytes(lines)
    return len(found)


def progress() -> AbstractContextManager[Callable[[int], object]]:
    """Show a bar of frames where somebody can see it."""
    return frame_progress(None) if sys.stderr.isatty() else nullcontext(lambda _sent: None)
