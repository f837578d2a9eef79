"""A system prepared for faults: as many kinds of them as the machine permits."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
from bench.hosts import Addresses, Namespaces, hosts_of
from tests.integration.chaos.faults import ZONE_INFO, ZONES, shift_clocks
from tests.integration.chaos.planted import plant
from tests.integration.chaos.scene import HOST, Ground
from tests.integration.system import System

from wattwarden.server.rate import Rate

# Built by `make -C bench shift`.
SHIFT: Final = Path(__file__).resolve().parents[3] / "bench/build/shift.so"
# An empty system and its write-ahead log; what a frame takes in journal, row and log, twice.
LEAST_BYTES: Final = 3 << 29
BYTES_A_FRAME: Final = 2_000


@contextmanager
def prepared(
    rate: Rate, words: Sequence[str], settings: dict[str, str], frames: float
) -> Iterator[tuple[System, Ground]]:
    """Make a system that is not started, whose time runs at ``rate``, and remove it in the end.

    Its disk has room for so many ``frames``; with 0 only what needs no preparation is possible.
    """
    with contextlib.ExitStack() as stack:
        hosts = stack.enter_context(hosts_of([HOST])) if frames else Addresses([HOST])
        own = hosts if isinstance(hosts, Namespaces) else None
        system = System(
            *words,
            settings=settings,
            host=() if own is None else own.command(HOST),
            address=_address(own),
        )
        stack.callback(system.destroy)
        system.data.mkdir(mode=0o755)
        tmpfs = stack.enter_context(_mounted(system.data, frames)) if frames else None
        (system.data / "clock.json").write_bytes(msgspec.json.encode(rate))
        zone = system.folder / "localtime"
        if ZONE_INFO.is_dir():
            shutil.copyfile(ZONE_INFO / ZONES[-1], zone)
        shifted, shifting = _shifted(system.folder) if frames else (None, {})
        system.environment_too(plant(system.folder / "planted") | shifting | {"TZ": f":{zone}"})
        yield system, Ground(own, tmpfs, shifted, zone)


def _address(hosts: Namespaces | None) -> str:
    return "127.0.0.1" if hosts is None else hosts.address(HOST)


@contextmanager
def _mounted(folder: Path, frames: float) -> Iterator[Path | None]:
    """Mount a small file system at a folder, where that is allowed."""
    size = f"size={LEAST_BYTES + round(BYTES_A_FRAME * frames)},mode=755"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "chaos", str(folder)], check=False, capture_output=True
    )
    if done.returncode:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


def _shifted(folder: Path) -> tuple[Path | None, dict[str, str]]:
    """Let a library shift the wall clock of processes by what a file says."""
    if not SHIFT.is_file():
        return None, {}
    file = folder / "shifted"
    shift_clocks(file, 0)
    return file, {"LD_PRELOAD": str(SHIFT), "WALL_SHIFT": str(file)}
