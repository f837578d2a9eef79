import asyncio
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from wattwarden.storage.engines import child
from wattwarden.storage.engines.child import POLL_INTERVAL_S
from wattwarden.storage.engines.nats_server import EmbeddedNats
from wattwarden.storage.engines.nats_wounds import ROOM_BYTES, Wounds

ENDS_WITHIN_S = 60.0  # milliseconds, on a machine that has nothing else to do
ERROR = b"[7] [ERR] JetStream stream '$G > WATTWARDEN_1' critical write error: no space left\n"


def log_of(folder: Path, text: bytes) -> Path:
    file = folder / "nats.log"
    file.write_bytes(text)
    return file


def disk(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _place: SimpleNamespace(free=free))


def test_a_write_error_is_healed_as_soon_as_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = log_of(tmp_path, b"started\n")
    wounds = Wounds(file, tmp_path)
    disk(monkeypatch, ROOM_BYTES)
    assert not wounds.can_heal()
    with file.open("ab") as log:
        log.write(ERROR)
    disk(monkeypatch, ROOM_BYTES - 1)
    assert not wounds.can_heal()
    disk(monkeypatch, ROOM_BYTES)
    assert wounds.can_heal()


def test_what_was_logged_before_its_start_wounds_no_server(tmp_path: Path) -> None:
    assert not Wounds(log_of(tmp_path, ERROR), tmp_path).can_heal()


def test_an_error_is_found_that_is_logged_in_two_pieces_or_behind_a_cut(tmp_path: Path) -> None:
    file = log_of(tmp_path, b"")
    wounds = Wounds(file, tmp_path)
    file.write_bytes(ERROR[:60])
    assert not wounds.can_heal()
    file.write_bytes(ERROR)
    assert wounds.can_heal()
    file.write_bytes(b"x" * 2 * len(ERROR))
    other = Wounds(file, tmp_path)
    file.write_bytes(ERROR)
    assert other.can_heal()


def test_a_server_without_a_log_is_well(tmp_path: Path) -> None:
    assert not Wounds(tmp_path / "nats.log", tmp_path).can_heal()


async def test_a_server_whose_stream_cannot_be_written_ends_and_starts_again(
    quick_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So that the log is cut at once, with the error in it.
    monkeypatch.setattr(child, "MAX_LOG_BYTES", len(ERROR) - 1)
    engine = EmbeddedNats(quick_folder)
    await engine.start()
    try:
        with (quick_folder / "log/nats.log").open("ab") as log:
            log.write(ERROR)
        async with asyncio.timeout(ENDS_WITHIN_S):
            while engine.poll() is None:  # noqa: ASYNC110  # as whoever runs it does
                await asyncio.sleep(POLL_INTERVAL_S)
        await engine.start()
        assert engine.poll() is None
    finally:
        await engine.stop()
