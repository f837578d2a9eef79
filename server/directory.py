"""The gateway's profiles: the database's, else those of the last snapshot.

A gateway that starts while the database is away works with what it knew before.  The snapshot holds
no key: until the database is back, encrypted frames are kept, and not answered; of passwords it
holds the names of their files.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

from wattwarden.protocol.codec import DEFAULT_PROFILE, Profile
from wattwarden.storage.profiles import (
    AccessBody,
    ProfileBook,
    read_access,
    written_access,
    zone_of,
)

# A folder in which no secret can be.
NOWHERE: Final = Path(os.devnull)

_log: Final = structlog.get_logger(__name__)


class _Row(msgspec.Struct, frozen=True, array_like=True):
    codec: str
    address: str
    zone: str
    cycle_s: int | None
    options: dict[str, Any]
    version: int
    listener: str | None = None
    access: AccessBody | None = None


class Directory(ProfileBook):
    """Looks profiles up, and keeps a snapshot of them in a file.

    ``secrets`` is the folder of the passwords that meters have to show.
    """

    def __init__(self, snapshot: Path | None = None, secrets: Path = NOWHERE) -> None:
        super().__init__()
        self._secrets = secrets
        self._by_address: dict[str, Profile] = {}
        self._snapshot = snapshot
        self._followers: list[Callable[[Mapping[tuple[str, str], Profile]], None]] = []
        if snapshot is not None and snapshot.exists():
            self._load(snapshot)

    def follow(self, use: Callable[[Mapping[tuple[str, str], Profile]], None]) -> None:
        """Have profiles given now and whenever they change."""
        self._followers.append(use)
        use(self._profiles)

    def replace(self, profiles: Mapping[tuple[str, str], Profile]) -> None:
        """Use these from now on, and remember them."""
        self._use(profiles)
        for use in self._followers:
            use(profiles)
        if self._snapshot is not None:
            _write(self._snapshot, profiles)

    def of_address(self, address: str) -> Profile:
        """Look up by address alone: for a connection's first words, when no more is known."""
        return self._by_address.get(address, DEFAULT_PROFILE)

    def _use(self, profiles: Mapping[tuple[str, str], Profile]) -> None:
        super().replace(profiles)
        self._by_address = {address: profile for (_, address), profile in profiles.items()}

    def _load(self, snapshot: Path) -> None:
        try:
            rows = msgspec.msgpack.decode(snapshot.read_bytes(), type=list[_Row])
            found = {
                (row.codec, row.address): Profile(
                    zone_of(row.zone),
                    row.cycle_s,
                    None,
                    row.options,
                    row.version,
                    listener=row.listener,
                    access=read_access(row.access, self._secrets)[0],
                )
                for row in rows
            }
        except (OSError, ValueError) as error:
            # Worth no refusal to start: the database has them all.
            _log.warning("the snapshot of profiles is of no use", reason=str(error))
            return
        self._use(found)


def _write(snapshot: Path, profiles: Mapping[tuple[str, str], Profile]) -> None:
    rows = [
        _Row(
            codec,
            address,
            str(its.zone),
            its.cycle_s,
            dict(its.options),
            its.version,
            its.listener,
            written_access(its.access),
        )
        for (codec, address), its in profiles.items()
    ]
    draft = snapshot.with_suffix(f".{os.getpid()}")
    try:
        snapshot.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(msgspec.msgpack.encode(rows))
        draft.replace(snapshot)
    except OSError as error:
        _log.warning("the snapshot of profiles cannot be written", reason=str(error))
